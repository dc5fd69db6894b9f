"""Image files on disk: parquet in the dataset-hub layout, and MNIST's IDX files.

Decoding a parquet file of JPEG or PNG images takes seconds, so the pixels are kept as ``.npz``
in a cache folder, under the sha256 of the parquet file they came from.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("label", "fine_label")
GREY_MODES = ("1", "L", "LA")  # Pillow's names
IDX_UINT8 = 2048  # magic number of uint8 data, plus the number of dimensions
LABELS = 2**31
LARGEST = 2**32  # bytes of pixels that a file may unpack to


def cache_folder() -> Path:
    """``COMPANION_CACHE``, or ``.cache/weights-in-scale`` in the home folder."""
    return Path(os.environ.get("COMPANION_CACHE") or Path.home() / ".cache/weights-in-scale")


def read_parquet(path: Path) -> tuple[Tensor, Tensor]:
    """Images uint8 [N, C, H, W] and labels int64 [N] of one parquet file, from the cache if there.

    Columns: ``img`` or ``image`` (struct with ``bytes``: a JPEG or PNG file) and ``label`` or
    ``fine_label``. Raises ValueError that names the file, and the row where there is one.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing; put the parquet file there or correct COMPANION_DATA")
    try:
        with path.open("rb") as file:
            key = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); check its rights") from error
    cached = cache_folder() / f"{key}.npz"
    try:
        with cached.open("rb") as file, np.load(file) as arrays:
            images, labels = arrays["images"], arrays["labels"]
            if str(arrays["seal"]) == _seal(key, images, labels):
                return torch.from_numpy(images), torch.from_numpy(labels)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # not there, or damaged: decode again
    images, labels = _decode_parquet(path)
    _store(cached, images=images, labels=labels, seal=np.array(_seal(key, images, labels)))
    return torch.from_numpy(images), torch.from_numpy(labels)


def shards(folder: Path, part: str) -> list[Path]:
    """The parquet files of a part: ``<part>.parquet``, or all of ``<part>-00000-of-00002.parquet``,
    as the dataset hub cuts a large one. ValueError where some of those are missing."""
    whole = folder / f"{part}.parquet"
    found = sorted(folder.glob(f"{part}-{'[0-9]' * 5}-of-{'[0-9]' * 5}.parquet"))
    if whole.is_file() or not found:
        return [whole]
    count = int(found[0].stem[-5:])
    wanted = [folder / f"{part}-{number:05d}-of-{count:05d}.parquet" for number in range(count)]
    if found != wanted:
        raise ValueError(
            f"{folder} must hold all {count} shards {part}-00000-of-{count:05d}.parquet, ..., got "
            f"{len(found)}; download the others"
        )
    return found


def _seal(key: str, images: np.ndarray, labels: np.ndarray) -> str:
    """A digest of a cache's source and of itself, which pixels of another source do not have."""
    digest = hashlib.sha256(key.encode())
    for array in (images, labels):
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _decode_parquet(path: Path) -> tuple[np.ndarray, np.ndarray]:
    count, rows = _rows(path)
    images, labels = np.empty(0, dtype=np.uint8), []
    for row, (cell, label) in enumerate(rows):
        pixels = _decode_image(cell, path, row, count, images[0] if row else None)
        if row == 0:
            images = np.empty((count, *pixels.shape), dtype=np.uint8)
        images[row] = pixels
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < LABELS:
            raise ValueError(
                f"{path}, row {row}: a label must be a whole number from 0 to 2^31 - 1, got {label}"
            )
        labels.append(label)
    return images, np.array(labels, dtype=np.int64)


def _rows(path: Path) -> tuple[int, Iterator[tuple[Any, Any]]]:
    """Of a parquet file the number of rows and, some at a time, their image cells and labels."""
    import pyarrow
    import pyarrow.parquet

    unreadable = f"{path} is no readable parquet file; download it again"
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(unreadable) from error
    found = file.schema_arrow.names
    kinds = (IMAGE_COLUMNS, LABEL_COLUMNS)
    columns = [next((name for name in kind if name in found), None) for kind in kinds]
    if any(found.count(name) != 1 for name in columns):
        raise ValueError(
            f"{path} must have a column img or image and a column label or fine_label, "
            f"got {', '.join(found)}"
        )
    if not file.metadata.num_rows:
        raise ValueError(f"{path} has no rows; download it again")

    def rows() -> Iterator[tuple[Any, Any]]:
        try:
            for batch in file.iter_batches(256, columns=columns):
                yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(unreadable) from error

    return file.metadata.num_rows, rows()


def _decode_image(
    cell: Any, path: Path, row: int, count: int, first: np.ndarray | None
) -> np.ndarray:
    """One image of ``count``, uint8 [C, H, W], like `first`; transparency is dropped, grey may
    become colour. How large an image says it is, is checked before its pixels are unpacked.

    By Pillow: torchvision's decoder is three times faster, but crashes the process on a damaged
    PNG file and is being given up (both seen with torchvision 0.29).
    """
    from PIL import Image

    data = cell.get("bytes") if isinstance(cell, dict) else None
    if not data:
        raise ValueError(f"{path}, row {row}: the image has no bytes; embed the files' content")
    try:
        with Image.open(io.BytesIO(data)) as image:
            grey = image.mode in GREY_MODES and (first is None or len(first) == 1)
            wide = image.mode[0] in "IF"  # 16 or 32 bits a pixel
            if (size := count * math.prod(image.size) * (1 if grey else 3)) > LARGEST:
                raise _Refused(
                    f"{path}, row {row}: a file's images must have at most {LARGEST:,} bytes of "
                    f"pixels, and {count:,} of {image.width} x {image.height} have {size:,}; make "
                    "them smaller"
                )
            pixels = np.asarray(image if wide else image.convert("L" if grey else "RGB"))
    except _Refused:
        raise
    except Exception as error:  # Pillow's readers raise many types on damaged bytes
        raise ValueError(
            f"{path}, row {row}: no readable JPEG or PNG image; download the file again"
        ) from error
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    if pixels.dtype != np.uint8 or (first is not None and pixels.shape != first.shape):
        expected = list((pixels if first is None else first).shape)
        raise ValueError(
            f"{path}, row {row}: images must all be uint8 {expected}, "
            f"got {pixels.dtype} {list(pixels.shape)}"
        )
    return pixels


class _Refused(ValueError):
    """A sentence of ours, told apart from what Pillow says."""


def _store(path: Path, **arrays: np.ndarray) -> None:
    """Write an .npz whole or not at all; a cache that cannot be written costs time, not the run."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        warnings.warn(
            f"decoded images were not cached in {path.parent} ({reason}); "
            "set COMPANION_CACHE to a folder that can be written",
            stacklevel=2,
        )
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_idx(path: Path, dimensions: int) -> Tensor:
    """An IDX file of MNIST's kinds, gzipped or not, as uint8: images [N, H, W] or labels [N].

    `dimensions` is 3 for images and 1 for labels. Layout: big-endian int32 magic 2048 +
    dimensions, one int32 a dimension, then the bytes.
    Raises ValueError that names the file.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing; put the IDX file there or correct COMPANION_DATA")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4 + 4 * dimensions)
            numbers = [int.from_bytes(head[at : at + 4], "big") for at in range(0, len(head), 4)]
            sizes, promised = numbers[1:], math.prod(numbers[1:])
            sound = numbers[:1] == [IDX_UINT8 + dimensions] and len(sizes) == dimensions
            data = file.read(min(promised, LARGEST) + 1) if sound else b""  # one more: it must end
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is no readable gzip file; download it again") from error
    if not sound or len(data) != promised:
        raise ValueError(
            f"{path} must be an IDX file of {dimensions} dimensions and of the length that it "
            f"says, got one that starts with 0x{head.hex()}; download it again"
        )
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(sizes)
