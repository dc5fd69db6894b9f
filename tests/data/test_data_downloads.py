"""MNIST's IDX files and torchvision's sets, good and damaged; nothing here touches a network."""

import gzip
import http.client
import http.server
import socket
import threading
import tracemalloc
import urllib.error

import numpy as np
import pytest
import torch
import torchvision.datasets

from companion import data
from companion.data import downloads


@pytest.fixture(autouse=True)
def no_place_but_tmp_path(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COMPANION_DATA", raising=False)


def pictures(n, shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def test_local_sets_that_are_not_there(monkeypatch, tmp_path):
    with pytest.raises(
        ValueError, match=r"cifar10-jpeg is read .*COMPANION_DATA, which is not set"
    ):
        data.load("cifar10-jpeg")
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"mnist-t10k is read .*none in .*point COMPANION_DATA at"):
        data.load("mnist-t10k")


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return (2048 + array.ndim).to_bytes(4, "big") + sizes + array.astype(np.uint8).tobytes()


def write_t10k(folder, images, labels):
    folder.mkdir(exist_ok=True)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


def test_t10k(tmp_path):
    images, labels = pictures(20, (4, 3)), np.arange(20) % 10
    write_t10k(tmp_path / "mnist-t10k", idx(images), idx(labels))
    loaded = data.load("mnist-t10k", root=tmp_path)
    assert (loaded.name, loaded.shape, loaded.classes) == ("mnist-t10k", (1, 4, 3), 10)
    np.testing.assert_array_equal(loaded.train_images[:, 0], images[:16])
    np.testing.assert_array_equal(loaded.test_images[:, 0], images[16:])
    assert loaded.test_labels.tolist() == [6, 7, 8, 9]
    assert "mnist-t10k" in data.names(root=tmp_path)


def test_bad_t10k(tmp_path):
    folder = tmp_path / "mnist-t10k"
    images, labels = idx(pictures(10, (4, 3))), idx(np.zeros(10))
    write_t10k(folder, images, idx(np.zeros(9)))
    with pytest.raises(ValueError, match=r"one label an image, got 10 images and 9 labels"):
        data.load("mnist-t10k", root=tmp_path)
    write_t10k(folder, labels, images)
    with pytest.raises(
        ValueError, match=r"images.*IDX file of 3 dimensions and of the length .*0x00000801"
    ):
        data.load("mnist-t10k", root=tmp_path)
    for damaged in (images[:-1], images + b"x", images[:6], b""):
        write_t10k(folder, damaged, labels)
        with pytest.raises(ValueError, match=r"idx3-ubyte.gz must be an IDX file of 3 dimensions"):
            data.load("mnist-t10k", root=tmp_path)
    write_t10k(folder, images, labels)
    packed = folder / "t10k-labels-idx1-ubyte.gz"
    whole = packed.read_bytes()
    for damaged in (whole[:-9], b"no gzip", whole[:12] + b"\xff\xff\xff" + whole[15:]):
        packed.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"labels-idx1-ubyte.gz (is no rea|must be an IDX)"):
            data.load("mnist-t10k", root=tmp_path)
    packed.unlink()
    with pytest.raises(ValueError, match=r"labels-idx1-ubyte.gz is missing"):
        data.load("mnist-t10k", root=tmp_path)


class Downloaded:
    """Stands for a torchvision class: files appear in `root` by a download."""

    error: Exception | None = None
    colour = False

    def __init__(self, root, train, download):
        marker = root / "downloaded"
        if download:
            self.patience = socket.getdefaulttimeout()
            assert self.patience == downloads.PATIENCE
            if self.error is not None:
                raise self.error
            root.mkdir(parents=True, exist_ok=True)
            marker.touch()
        if not marker.exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        n = 12 if train else 6
        pixels = pictures(n, (4, 3, 3) if self.colour else (4, 3), seed=n)
        labels = [i % 10 for i in range(n)]
        self.data = pixels if self.colour else torch.from_numpy(pixels)
        self.targets = labels if self.colour else torch.tensor(labels)


@pytest.mark.parametrize(
    ("name", "class_name", "colour", "classes"),
    [
        ("mnist", "MNIST", False, 10),
        ("fashion-mnist", "FashionMNIST", False, 10),
        ("cifar10", "CIFAR10", True, 10),
        ("cifar100", "CIFAR100", True, 100),
    ],
)
def test_download_once_into_the_cache(monkeypatch, tmp_path, name, class_name, colour, classes):
    fake = type(class_name, (Downloaded,), {"colour": colour})
    monkeypatch.setattr(torchvision.datasets, class_name, fake)
    before = socket.getdefaulttimeout()
    loaded = data.load(name)
    assert socket.getdefaulttimeout() == before
    assert (tmp_path / "cache/torchvision/downloaded").exists()
    assert (loaded.name, loaded.classes) == (name, classes)
    assert loaded.shape == ((3, 4, 3) if colour else (1, 4, 3))
    expected = pictures(12, (4, 3, 3) if colour else (4, 3), seed=12)
    expected = expected.transpose(0, 3, 1, 2) if colour else expected[:, None]
    np.testing.assert_array_equal(loaded.train_images, expected)
    fake.error = AssertionError("a second download")
    assert data.load(name).digest == loaded.digest


def test_download_into_a_folder_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.setattr(torchvision.datasets, "MNIST", Downloaded)
    data.load("mnist", root=tmp_path / "own")
    assert (tmp_path / "own/downloaded").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no route to host"),
        RuntimeError("File not found or corrupted."),
        RuntimeError("Error downloading a:\nTried https://a/, got:\n<urlopen error [SSL] no>"),
        http.client.IncompleteRead(b""),
        TimeoutError(),
        OSError(28, "No space left on device"),
    ],
)
def test_a_failed_download_says_what_to_do(monkeypatch, tmp_path, error):
    fake = type("CIFAR10", (Downloaded,), {"error": error, "colour": True})
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fake)
    message = (
        r"cifar10 could not be downloaded into .* \(.+\); without a network, put "
        r"cifar10/train.parquet and cifar10/test.parquet .* set COMPANION_DATA to it"
    )
    with pytest.raises(ValueError, match=message) as caught:
        data.load("cifar10")
    assert "\n" not in str(caught.value)
    assert " ".join(str(error).split()).rstrip(".") in str(caught.value)
    assert socket.getdefaulttimeout() is None


def write_raw_mnist(root):
    """torchvision's own folder layout, tiny."""
    raw = root / "MNIST/raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 9), ("t10k", 5)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(pictures(n, (4, 3))))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(n)))
    return raw


@pytest.mark.parametrize("where", ["environment", "root", "cache"])
def test_torchvisions_own_files_are_read_where_they_are(monkeypatch, tmp_path, where):
    folder = tmp_path / ("cache/torchvision" if where == "cache" else "data")
    write_raw_mnist(folder)
    if where == "environment":
        monkeypatch.setenv("COMPANION_DATA", str(folder))
    loaded = data.load("mnist", root=folder if where == "root" else None)
    np.testing.assert_array_equal(loaded.train_images[:, 0], pictures(9, (4, 3)))
    assert loaded.test_labels.tolist() == [0, 1, 2, 3, 4]


def test_damaged_torchvision_files(tmp_path):
    raw = write_raw_mnist(tmp_path)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(ValueError, match=r"files of mnist under .* are damaged; delete what MNIST"):
        data.load("mnist", root=tmp_path)


def test_half_a_file_of_mnist_is_damaged(tmp_path):
    raw = write_raw_mnist(tmp_path)
    for file in raw.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=r"files of mnist under .* are damaged; delete wh"):
            data.load("mnist", root=tmp_path)
        file.write_bytes(whole)


def test_a_file_that_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path):
    images = idx(pictures(10, (4, 3))) + bytes(50_000_000)
    write_t10k(tmp_path / "mnist-t10k", images, idx(np.zeros(10)))
    tracemalloc.start()
    with pytest.raises(ValueError, match="must be an IDX file of 3 dimensions and of the length"):
        data.load("mnist-t10k", root=tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


class Mirror(http.server.BaseHTTPRequestHandler):
    """A server that gives the same bytes to whoever asks."""

    served = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.served)))
        self.end_headers()
        self.wfile.write(self.served)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def mirror():
    with http.server.HTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "served", [gzip.compress(idx(pictures(9, (4, 3)))), b"<html>please log in</html>", b""]
)
def test_a_mirror_that_serves_something_else_is_not_believed(monkeypatch, tmp_path, mirror, served):
    monkeypatch.setattr(Mirror, "served", served)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [mirror])
    message = r"mnist could not be downloaded into .*File not found or corrupted"
    with pytest.raises(ValueError, match=message) as caught:
        data.load("mnist")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*-ubyte"))
