"""System calls that a submission does not get: those that make memory which no limit counts, new
namespaces, or a way into the kernel that no notebook needs.

Bubblewrap takes the filter as a program of the Berkeley packet filter, 8 bytes an instruction:
code, two jumps, a number (Linux, Documentation/userspace-api/seccomp_filter.rst). Docker has a
filter of its own.
"""

from __future__ import annotations

import platform
import struct

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLS = {
    # name: number on x86_64, on aarch64
    "add_key": (248, 217),
    "bpf": (321, 280),
    "fsopen": (430, 430),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "move_mount": (429, 429),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "request_key": (249, 218),
    "setns": (308, 268),
    "shmget": (29, 194),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
_CLONE = (56, 220)
_CLONE3 = 435
_NEW_NAMESPACES = 0x7E020000
_OTHER_NUMBERING = 0x40000000  # x86_64 has a second set of numbers from here on

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL, _ALLOW, _NOT_PERMITTED, _NOT_THERE = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026
_NUMBER, _ARCH, _FLAGS = 0, 4, 16  # where in struct seccomp_data


def program(machine: str | None = None) -> bytes:
    """The filter for a machine, by default this one; empty where its numbers are not known.

    >>> len(program("x86_64")) // 8, program("riscv64")
    (35, b'')
    """
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURE:
        return b""
    column = list(_ARCHITECTURE).index(machine)
    denied = [numbers[column] for numbers in _CALLS.values()]
    lines = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, len(denied) + 6, 0, _OTHER_NUMBERING),
        (_EQUAL, len(denied) + 4, 0, _CLONE3),  # a pointer hides its flags: clone is taken instead
        *((_EQUAL, len(denied) - i + 4, 0, number) for i, number in enumerate(denied)),
        (_EQUAL, 0, 1, _CLONE[column]),
        (_LOAD, 0, 0, _FLAGS),
        (_ANY_BIT, 2, 0, _NEW_NAMESPACES),  # the number of what is no clone has none of them
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NOT_THERE),
        (_RETURN, 0, 0, _NOT_PERMITTED),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
