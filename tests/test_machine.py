"""Which device is picked, and what is said about it, with and without a GPU."""

import json
import platform
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from companion import machine

INTEL = """processor\t: 0
model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz
flags\t\t: fpu avx2 avx512f avx512_bf16
processor\t: 1
model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz
"""
AMD = "model name\t: AMD EPYC 7763 64-Core Processor\nflags\t\t: fpu avx2\n"


def gpus(monkeypatch, count, **properties):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    card = SimpleNamespace(name="NVIDIA H200", total_memory=139 * 2**30, major=9, minor=0)
    card.__dict__.update(properties)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)


def test_pick_device_without_a_gpu(monkeypatch):
    gpus(monkeypatch, 0)
    assert machine.pick_device() == torch.device("cpu")
    assert machine.pick_device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(ValueError, match=r"device cuda needs .*torch sees 0; use auto or cpu"):
        machine.pick_device("cuda")


def test_pick_device_with_gpus(monkeypatch):
    gpus(monkeypatch, 2)
    assert machine.pick_device("auto") == torch.device("cuda", 0)
    assert machine.pick_device("cuda") == torch.device("cuda", 0)
    assert machine.pick_device("cuda:1") == torch.device("cuda", 1)
    assert machine.pick_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"device cuda:2 needs .*torch sees 2"):
        machine.pick_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:x", "cpu cuda", "tpu"])
def test_unknown_device(name):
    with pytest.raises(ValueError, match=rf"auto, cpu, cuda or cuda:<number>, got '{name}'"):
        machine.pick_device(name)


def test_describe_this_cpu():
    facts = machine.describe("cpu")
    assert json.loads(json.dumps(facts)) == facts
    assert facts["device"] == "cpu"
    assert re.fullmatch(r"\d+-core \S.* CPU", facts["hardware"])
    assert facts["threads"] == torch.get_num_threads()
    assert facts["versions"]["torch"] == torch.__version__
    assert set(facts["versions"]) == {"python", "torch", "numpy", "companion"}
    assert {"float64", "float32"} <= set(facts["precision"])


def test_describe_names_no_host_and_no_path():
    text = json.dumps(machine.describe("cpu"))
    assert platform.node() not in text or platform.node() in ("", "localhost")
    assert str(Path.home()) not in text


@pytest.mark.parametrize(
    ("info", "model", "bfloat16"),
    [(INTEL, "Intel Xeon", True), (AMD, "AMD EPYC 7763", False), ("", None, False)],
)
def test_describe_other_cpus(monkeypatch, tmp_path, info, model, bfloat16):
    file = tmp_path / "cpuinfo"
    file.write_text(info)
    monkeypatch.setattr(machine, "_CPU_INFO", file)
    monkeypatch.setattr(machine, "_cores", lambda: 4)
    monkeypatch.setattr(machine.platform, "processor", lambda: "arm")
    facts = machine.describe("cpu")
    assert facts["hardware"] == f"4-core {model or 'arm'} CPU"
    assert ("bfloat16" in facts["precision"]) == bfloat16


def test_describe_without_proc_affinity_or_sysconf(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "absent")
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(machine.os, "sysconf", raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: None)
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "")
    facts = machine.describe("cpu")
    assert facts["hardware"] == "1-core unknown CPU"
    assert facts["memory_gib"] is None


def test_describe_gpus(monkeypatch):
    gpus(monkeypatch, 1)
    facts = machine.describe()
    assert (facts["device"], facts["hardware"], facts["memory_gib"]) == (
        "cuda:0",
        "NVIDIA H200",
        139.0,
    )
    assert "bfloat16" in facts["precision"]
    gpus(monkeypatch, 1, name="Tesla T4", total_memory=15_835_660_288, major=7, minor=5)
    facts = machine.describe("cuda")
    assert (facts["hardware"], facts["memory_gib"]) == ("Tesla T4", 14.7)
    assert facts["precision"] == ["float64", "float32", "float16"]


@pytest.mark.gpu
def test_describe_a_real_gpu():
    facts = machine.describe("cuda")
    assert facts["hardware"] == torch.cuda.get_device_name(0)
    assert facts["memory_gib"] > 1


def test_describe_asks_for_a_device_that_is_not_there(monkeypatch):
    gpus(monkeypatch, 0)
    with pytest.raises(ValueError, match="needs a CUDA GPU"):
        machine.describe("cuda")


def test_cpu_threads_are_put_back_also_after_an_error():
    before = torch.get_num_threads()
    with machine.cpu_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with pytest.raises(RuntimeError, match="inside"), machine.cpu_threads(before + 1):
        raise RuntimeError("inside")
    assert torch.get_num_threads() == before


def test_keeping_freed_memory_is_harmless_where_there_is_no_glibc(monkeypatch):
    assert isinstance(machine.keep_freed_memory(), bool)

    def none(_):
        raise OSError("no C library")

    monkeypatch.setattr(machine.ctypes, "CDLL", none)
    assert machine.keep_freed_memory() is False
