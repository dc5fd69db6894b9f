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
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("label", "fine_label")
GREY_MODES = ("1", "L", "LA")  # Pillow's names
IDX_UINT8 = 2048  # magic number of uint8 data, plus the number of dimensions


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


def _seal(key: str, images: np.ndarray, labels: np.ndarray) -> str:
    """A digest of a cache's source and of itself, which pixels of another source do not have."""
    digest = hashlib.sha256(key.encode())
    for array in (images, labels):
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _decode_parquet(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        found = file.schema_arrow.names
        image_column = next((name for name in IMAGE_COLUMNS if name in found), None)
        label_column = next((name for name in LABEL_COLUMNS if name in found), None)
        if image_column is None or label_column is None:
            raise ValueError(
                f"{path} must have a column img or image and a column label or fine_label, "
                f"got {', '.join(found)}"
            )
        table = file.read(columns=[image_column, label_column])
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is no readable parquet file; download it again") from error
    rows = table[image_column].to_pylist()
    if not rows:
        raise ValueError(f"{path} has no rows; download it again")
    first = _decode_image(rows[0], path, 0, None)
    images = np.empty((len(rows), *first.shape), dtype=np.uint8)
    for row, cell in enumerate(rows):
        images[row] = _decode_image(cell, path, row, first)
    labels = table[label_column].to_pylist()
    for row, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, int) or label < 0:
            raise ValueError(f"{path}, row {row}: a label must be a whole number >= 0, got {label}")
    return images, np.array(labels, dtype=np.int64)


def _decode_image(cell, path: Path, row: int, first: np.ndarray | None) -> np.ndarray:
    """One image, uint8 [C, H, W], like `first`; transparency is dropped, grey may become colour.

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
            pixels = np.asarray(image if wide else image.convert("L" if grey else "RGB"))
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
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is no readable gzip file; download it again") from error
    header = 4 + 4 * dimensions
    magic, *sizes = (int.from_bytes(data[at : at + 4], "big") for at in range(0, header, 4))
    if magic != IDX_UINT8 + dimensions or len(data) != header + math.prod(sizes):
        raise ValueError(
            f"{path} must be an IDX file of {dimensions} dimensions, got {len(data):,} bytes that "
            f"start with 0x{data[:4].hex()}; download it again"
        )
    return torch.frombuffer(bytearray(data[header:]), dtype=torch.uint8).reshape(sizes)
