"""Image sets and splits: digests, statistics, seeds, and the sources that need no network."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from companion import data

LOCAL = Path(os.environ.get("COMPANION_DATA") or "absent")


def needs(name):
    return pytest.mark.skipif(not (LOCAL / name).is_dir(), reason=f"needs COMPANION_DATA/{name}")


def random_set(train=50, test=10, channels=3, classes=10):
    generator = torch.Generator().manual_seed(0)

    def part(n):
        images = torch.randint(0, 256, (n, channels, 4, 5), generator=generator, dtype=torch.uint8)
        return images, torch.arange(n) % classes

    return data.image_set("random", *part(train), *part(test))


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_digits(digits):
    from sklearn.datasets import load_digits

    assert (digits.shape, digits.inputs, digits.classes) == ((1, 8, 8), 64, 10)
    assert (len(digits.train_images), len(digits.test_images)) == (1437, 360)
    ours = torch.cat([digits.train_images, digits.test_images]).flatten(1).double()
    labels = torch.cat([digits.train_labels, digits.test_labels])
    pixels, targets = load_digits(return_X_y=True)
    back = torch.round(ours * 16 / 255)  # the scaling to 0 .. 255 loses nothing

    def rows(images, labels):
        return sorted([*image, label] for image, label in zip(images, labels, strict=True))

    assert rows(back.tolist(), labels.tolist()) == rows(pixels.tolist(), targets.tolist())
    assert int(digits.test_labels.bincount(minlength=10).min()) >= 20


def test_digits_are_fixed_for_good(digits):
    """A record made from these digits stays checkable: neither pixels nor test part may move."""
    assert digits.digest == "02320f5b954b1d6fb39d9429dc76bb259e5ae7a171cf55c92230a27dbf537378"


def test_digest_is_the_sha256_of_the_tensors(digits):
    parts = (digits.train_images, digits.train_labels, digits.test_images, digits.test_labels)
    content = b"".join(part.numpy().tobytes() for part in parts)
    assert digits.digest == hashlib.sha256(content).hexdigest()
    assert data.load("digits").digest == digits.digest


def test_digest_sees_one_pixel():
    one = random_set()
    images = one.train_images.clone()
    images[0, 0, 0, 0] ^= 1
    other = data.image_set("x", images, one.train_labels, one.test_images, one.test_labels)
    assert other.digest != one.digest


def test_split_divides_and_keeps_pairs_together(digits):
    parts = data.split(digits, seed=3, validation=400)
    assert parts.sizes == {"train": 1037, "validation": 400, "test": 360}
    images = torch.cat([parts.train_images, parts.validation_images]).flatten(1)
    labels = torch.cat([parts.train_labels, parts.validation_labels])

    def rows(images, labels):
        return sorted(torch.cat([images.long(), labels[:, None]], dim=1).tolist())

    assert rows(images, labels) == rows(digits.train_images.flatten(1), digits.train_labels)
    assert torch.equal(parts.test_images, digits.test_images)
    assert torch.equal(parts.test_labels, digits.test_labels)
    assert (parts.name, parts.digest, parts.classes) == ("digits", digits.digest, 10)
    assert (parts.shape, parts.inputs) == ((1, 8, 8), 64)


def test_split_is_seeded(digits):
    first, again, other = (data.split(digits, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.validation_images, again.validation_images)
    assert not torch.equal(first.validation_images, other.validation_images)


@pytest.mark.parametrize(
    ("train", "validation"), [(50_000, 10_000), (60_000, 10_000), (49_999, 9_999), (9, 1)]
)
def test_default_validation(train, validation):
    images, labels = torch.zeros(train, 1, 1, 1, dtype=torch.uint8), torch.arange(train) % 10
    whole = data.image_set("blank", images, labels, images[:1], labels[:1])
    assert data.split(whole).sizes["validation"] == validation


def test_statistics_are_of_the_training_part_alone():
    parts = data.split(random_set(train=5000), seed=1)
    pixels = parts.train_images.numpy().astype(np.float64) / 255
    np.testing.assert_allclose(parts.mean, pixels.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(parts.std, pixels.std((0, 2, 3)), rtol=1e-6)
    assert parts.mean.dtype == parts.std.dtype == torch.float32


def test_standardize():
    parts = data.split(random_set(train=5000), seed=1)
    z = parts.standardize(parts.train_images, dtype=torch.float64)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(3).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        z.std((0, 2, 3), correction=0), torch.ones(3).double(), rtol=1e-6, atol=0
    )
    mean, std = parts.mean.double(), parts.std.double()
    plain = (parts.test_images.double() / 255 - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(parts.standardize(parts.test_images, torch.float64), plain)
    single = parts.standardize(parts.test_images)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, plain.float(), rtol=1e-5, atol=1e-5)


def test_standardize_a_constant_channel():
    images = torch.full((10, 1, 2, 2), 51, dtype=torch.uint8)
    labels = torch.arange(10)
    parts = data.split(data.image_set("flat", images, labels, images, labels))
    assert parts.std.tolist() == [0]
    torch.testing.assert_close(parts.standardize(images), torch.zeros(10, 1, 2, 2))


def test_to_moves_every_tensor(digits):
    whole, parts = digits.to("meta"), data.split(digits).to("meta")
    values = (*vars(whole).values(), *vars(parts).values())
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    assert len(tensors) == 4 + 8
    assert {value.device.type for value in tensors} == {"meta"}
    assert (whole.digest, parts.shape) == (digits.digest, (1, 8, 8))


def test_names(monkeypatch, tmp_path):
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    known = ["digits", "mnist", "fashion-mnist", "cifar10", "cifar100"]
    assert data.names() == known
    for name, file in (("mine", "train.parquet"), ("mnist", "train.parquet"), ("none", "a.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    assert data.names(root=tmp_path) == [*known, "mine"]
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    assert data.names() == [*known, "mine"]
    assert data.names(root=tmp_path / "absent") == known


@needs("cifar10-jpeg")
def test_real_cifar10_jpeg():
    images = data.load("cifar10-jpeg")
    assert (images.shape, images.inputs, images.classes) == ((3, 32, 32), 3072, 10)
    assert images.train_labels.bincount().tolist() == [5000] * 10
    assert images.test_labels.bincount().tolist() == [1000] * 10
    parts = data.split(images)
    assert parts.sizes == {"train": 40_000, "validation": 10_000, "test": 10_000}
    # the known channel statistics of CIFAR-10; JPEG moves them in the third digit
    np.testing.assert_allclose(parts.mean, [0.4914, 0.4822, 0.4465], atol=2e-3)
    np.testing.assert_allclose(parts.std, [0.2470, 0.2435, 0.2616], atol=3e-3)


@needs("mnist-t10k")
def test_real_mnist_t10k():
    images = data.load("mnist-t10k")
    assert (images.shape, images.classes) == ((1, 28, 28), 10)
    assert (len(images.train_labels), len(images.test_labels)) == (8000, 2000)
    assert data.split(images).sizes == {"train": 6400, "validation": 1600, "test": 2000}
    assert images.train_labels[:5].tolist() == [7, 2, 1, 0, 4]


BLANK = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
ZEROS = torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ((BLANK.float(), ZEROS, BLANK, ZEROS), r"train images of x must be uint8 .*got float32"),
        ((BLANK, ZEROS, BLANK[0], ZEROS), r"test images of x must be uint8 .*\[1, 2, 2\]"),
        ((BLANK[:0], ZEROS[:0], BLANK, ZEROS), r"with N >= 1, got uint8 \[0, 1, 2, 2\]"),
        ((BLANK, ZEROS[:3], BLANK, ZEROS), r"train labels of x must be int64 \[4\].*int64 \[3\]"),
        ((BLANK, ZEROS, BLANK, ZEROS.int()), r"test labels of x .*got int32 \[4\]"),
        (
            (BLANK, ZEROS, BLANK[..., :1], ZEROS),
            r"share one shape, got \[1, 2, 2\] and \[1, 2, 1\]",
        ),
        ((BLANK, ZEROS - 1, BLANK, ZEROS), r"labels of x must lie in 0 .. 1, got -1 .. 0"),
        ((BLANK, ZEROS + 2, BLANK, ZEROS), r"labels of x must lie in 0 .. 1, got 0 .. 2"),
    ],
)
def test_image_set_errors(tensors, message):
    with pytest.raises(ValueError, match=message):
        data.image_set("x", *tensors, classes=2)


@pytest.mark.parametrize("validation", [0, -1, 50, 10_000, 0.2, True])
def test_split_errors(validation):
    message = rf"validation must be a whole number from 1 to 49 for the 50 .*got {validation}"
    with pytest.raises(ValueError, match=message):
        data.split(random_set(), validation=validation)


def test_load_on_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device cuda needs a CUDA GPU"):
        data.load("digits", device="cuda")


@pytest.mark.parametrize("name", ["cifar", "", "../digits", None])
def test_unknown_set(monkeypatch, name):
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    message = r"must be one of digits, mnist, .*cifar100, got .*COMPANION_DATA"
    with pytest.raises(ValueError, match=message):
        data.load(name)


def test_another_input_scaling_maps_pixels_to_its_interval():
    split = data.split(data.load("digits"))
    ends = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    assert split.scaled("symmetric").standardize(ends).flatten().tolist() == [-1.0, 1.0]
    assert split.scaled("unit").standardize(ends).flatten().tolist() == [0.0, 1.0]
    assert split.scaled("standardised") is split
    with pytest.raises(ValueError, match=r"inputs must be one of standardised, symmetric, unit"):
        split.scaled("raw")


def test_a_data_folder_that_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "gone"))
    with pytest.raises(
        ValueError, match=r"COMPANION_DATA must name a folder .* got .*gone; correct"
    ):
        data.load("digits")
