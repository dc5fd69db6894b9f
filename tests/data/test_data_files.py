"""Parquet files of images, good and damaged, and the cache of their pixels."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from companion import data
from companion.data import files


@pytest.fixture(autouse=True)
def no_place_but_tmp_path(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COMPANION_DATA", raising=False)


def encoded(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def pictures(n, shape=(6, 5, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def write_parquet(file, contents, labels, image="img", label="label"):
    file.parent.mkdir(parents=True, exist_ok=True)
    cells = pa.array(
        [content if content is None else {"bytes": content, "path": None} for content in contents],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    pq.write_table(pa.table({image: cells, label: labels}), file)
    return file


def write_set(folder, train, test, **columns):
    for part, images in (("train", train), ("test", test)):
        contents = [encoded(image) for image in images]
        write_parquet(
            folder / f"{part}.parquet", contents, [i % 3 for i in range(len(images))], **columns
        )


@pytest.mark.parametrize(("image", "label"), [("img", "label"), ("image", "fine_label")])
def test_parquet_pixels_and_labels(tmp_path, image, label):
    train, test = pictures(7), pictures(3, seed=1)
    write_set(tmp_path / "mine", train, test, image=image, label=label)
    loaded = data.load("mine", root=tmp_path)
    assert (loaded.name, loaded.shape, loaded.classes) == ("mine", (3, 6, 5), 3)
    np.testing.assert_array_equal(loaded.train_images, train.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(loaded.test_images, test.transpose(0, 3, 1, 2))
    assert loaded.train_labels.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_parquet_folder_from_the_environment_goes_before_a_download(monkeypatch, tmp_path):
    write_set(tmp_path / "mnist", pictures(4, (5, 5)), pictures(3, (5, 5)))
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    assert data.load("mnist").shape == (1, 5, 5)


def test_jpeg(tmp_path):
    """A smooth picture comes back within JPEG's loss, which is far below a swap of its axes."""
    smooth = np.linspace(0, 255, 32 * 24 * 3).reshape(32, 24, 3).astype(np.uint8)
    file = write_parquet(tmp_path / "a.parquet", [encoded(smooth, "JPEG")], [0])
    images, _ = files.read_parquet(file)
    expected = torch.from_numpy(smooth.transpose(2, 0, 1))
    assert (images[0].int() - expected.int()).abs().max() <= 8


def test_grey_becomes_colour_and_transparency_goes(tmp_path):
    colour, grey = pictures(1)[0], pictures(1, (6, 5))[0]
    opaque = np.dstack([colour, np.full((6, 5), 255, np.uint8)])
    contents = [encoded(image) for image in (colour, grey, opaque)]
    images, _ = files.read_parquet(write_parquet(tmp_path / "a.parquet", contents, [0, 1, 2]))
    np.testing.assert_array_equal(images[1], np.stack([grey] * 3))
    np.testing.assert_array_equal(images[2], images[0])


def test_cache_is_used_and_repaired(monkeypatch, tmp_path):
    file = write_parquet(tmp_path / "a.parquet", [encoded(image) for image in pictures(5)], [0] * 5)
    images, labels = files.read_parquet(file)
    (cached,) = (tmp_path / "cache").iterdir()
    assert cached.suffix == ".npz"
    decoded = []
    decode = files._decode_parquet
    monkeypatch.setattr(files, "_decode_parquet", lambda path: decoded.append(path) or decode(path))
    again = files.read_parquet(file)
    assert decoded == []
    assert torch.equal(again[0], images)
    assert torch.equal(again[1], labels)
    content = bytearray(cached.read_bytes())
    content[200] ^= 1  # one bit of one pixel
    for damaged in (bytes(content), content[:100], b""):
        cached.write_bytes(damaged)
        repaired = files.read_parquet(file)
        assert torch.equal(repaired[0], images)
    assert len(decoded) == 3
    assert list((tmp_path / "cache").iterdir()) == [cached]


def test_cache_follows_the_content(tmp_path):
    file = tmp_path / "a.parquet"
    for seed in (0, 1):
        picture = pictures(1, seed=seed)[0]
        images, _ = files.read_parquet(write_parquet(file, [encoded(picture)], [0]))
        np.testing.assert_array_equal(images[0], picture.transpose(2, 0, 1))


def test_a_cache_with_other_pixels_is_not_trusted(tmp_path):
    one, two = (
        write_parquet(
            tmp_path / f"{seed}.parquet", [encoded(i) for i in pictures(3, seed=seed)], [0] * 3
        )
        for seed in (0, 1)
    )
    images, _ = files.read_parquet(one)
    (cached,) = (tmp_path / "cache").iterdir()
    files.read_parquet(two)
    (other,) = set((tmp_path / "cache").iterdir()) - {cached}
    with np.load(cached) as arrays:
        kept = dict(arrays)
    for wrong in (
        other.read_bytes,  # whole, of another source
        lambda: edited(kept, images=255 - kept["images"]),
        lambda: edited(kept, labels=kept["labels"] + 1),
        lambda: edited({name: kept[name] for name in ("images", "labels")}),  # of an older version
    ):
        cached.write_bytes(wrong())
        assert torch.equal(files.read_parquet(one)[0], images)


def edited(arrays, **change) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays, **change})
    return buffer.getvalue()


def test_a_cache_that_cannot_be_written_is_said_and_survived(monkeypatch, tmp_path):
    file = write_parquet(tmp_path / "a.parquet", [encoded(pictures(1)[0])], [0])
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match=r"were not cached in .*set COMPANION_CACHE to a folder"):
        images, _ = files.read_parquet(file)
    assert images.shape == (1, 3, 6, 5)


def test_an_interrupted_write_leaves_nothing(monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.np, "savez", interrupt)
    file = write_parquet(tmp_path / "a.parquet", [encoded(pictures(1)[0])], [0])
    with pytest.raises(KeyboardInterrupt):
        files.read_parquet(file)
    assert list((tmp_path / "cache").iterdir()) == []


def good(n=2):
    return [encoded(image) for image in pictures(n)]


@pytest.mark.parametrize(
    ("contents", "labels", "message"),
    [
        ([*good(), b"no image"], [0, 1, 2], r"a.parquet, row 2: no readable JPEG or PNG image"),
        ([*good(), good()[0][:60]], [0, 1, 2], r"row 2: no readable JPEG or PNG image"),
        ([good()[0], None], [0, 1], r"row 1: the image has no bytes; embed"),
        ([good()[0], b""], [0, 1], r"row 1: the image has no bytes; embed"),
        (
            [good()[0], encoded(pictures(1, (7, 5, 3))[0])],
            [0, 1],
            r"row 1: images must all be uint8 \[3, 6, 5\], got uint8 \[3, 7, 5\]",
        ),
        (
            [encoded(pictures(1, (6, 5))[0]), good()[0]],
            [0, 1],
            r"row 1: images must all be uint8 \[1, 6, 5\], got uint8 \[3, 6, 5\]",
        ),
        (
            [encoded(np.full((6, 5), 700, np.uint16))],
            [0],
            r"row 0: images must all be uint8 \[1, 6, 5\], got uint16",
        ),
        (good(), [0, None], r"row 1: a label must be a whole number from 0 to 2.31 - 1, got None"),
        (good(), [-1, 0], r"row 0: a label must be a whole number from 0 to 2.31 - 1, got -1"),
        (good(), [0.5, 0.0], r"row 0: a label must be a whole number from 0 to 2.31 - 1, got 0.5"),
        (good(), pa.array([0, 2**63], pa.uint64()), r"row 1: a label must be .* got 922337203685"),
        ([], [], r"a.parquet has no rows"),
    ],
)
def test_bad_rows(tmp_path, contents, labels, message):
    file = write_parquet(tmp_path / "a.parquet", contents, pa.array(labels))
    with pytest.raises(ValueError, match=message):
        files.read_parquet(file)
    assert not (tmp_path / "cache").exists()


def test_a_png_with_damaged_content(tmp_path):
    content = bytearray(encoded(pictures(1, (8, 8, 3))[0]))
    content[100] ^= 1
    file = write_parquet(tmp_path / "a.parquet", [bytes(content)], [0])
    with pytest.raises(ValueError, match=r"row 0: no readable JPEG or PNG image"):
        files.read_parquet(file)


def test_bad_parquet_files(tmp_path):
    file = write_parquet(tmp_path / "mine/train.parquet", good(), [0, 1])
    with pytest.raises(ValueError, match=r"test.parquet is missing; put the parquet file there"):
        data.load("mine", root=tmp_path)
    whole = file.read_bytes()
    for damaged in (whole[:-30], b"", b"PAR1 something else"):
        (tmp_path / "mine/test.parquet").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"test.parquet is no readable parquet file"):
            data.load("mine", root=tmp_path)
    write_parquet(file, good(), [0, 1], image="picture")
    with pytest.raises(ValueError, match=r"column img or image .* got picture, label"):
        files.read_parquet(file)


def test_a_parquet_file_without_the_right_to_read(monkeypatch, tmp_path):
    file = write_parquet(tmp_path / "a.parquet", good(), [0, 1])

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.hashlib, "file_digest", refuse)
    with pytest.raises(ValueError, match=r"a.parquet cannot be read \(Permission denied\)"):
        files.read_parquet(file)


def test_cache_folder_without_the_variable(monkeypatch):
    monkeypatch.delenv("COMPANION_CACHE")
    assert files.cache_folder().parts[-2:] == (".cache", "weights-in-scale")


# --- files that promise more than they should ----------------------------------------------------


def test_images_are_measured_before_they_are_unpacked(monkeypatch, tmp_path):
    dark = encoded(np.zeros((90, 80), np.uint8))
    file = write_parquet(tmp_path / "a.parquet", [dark] * 4, [0] * 4)
    monkeypatch.setattr(files, "LARGEST", 4 * 90 * 80)
    assert files.read_parquet(file)[0].shape == (4, 1, 90, 80)
    monkeypatch.setattr(files, "LARGEST", 4 * 90 * 80 - 1)
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "other")
    monkeypatch.setattr(files.np, "asarray", lambda _: pytest.fail("must not be unpacked"))
    with pytest.raises(
        ValueError,
        match="row 0: a file's images must have at most 28,799 bytes of pixels, and 4 of 80 x 90 "
        "have 28,800; make them smaller",
    ):
        files.read_parquet(file)


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    cells = pa.array([{"bytes": cell} for cell in good()])
    table = pa.Table.from_arrays([cells, cells, pa.array([0, 1])], names=["img", "img", "label"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a column img or image .*, got img, img, label"):
        files.read_parquet(tmp_path / "a.parquet")


def test_a_label_makes_no_network_of_a_million_outputs(tmp_path):
    for part in ("train", "test"):
        write_parquet(tmp_path / f"own/{part}.parquet", good(), [0, 1_000_000])
    with pytest.raises(
        ValueError,
        match="own must have at most as many classes as training images, 2, got the label 1000000; "
        "number the classes from 0 on",
    ):
        data.load("own", root=tmp_path)


def test_shards_of_the_dataset_hub_are_read_together(tmp_path):
    names = [f"train-{number:05d}-of-00002.parquet" for number in range(2)]
    for number, name in enumerate(names):
        images = [encoded(image) for image in pictures(3, seed=number)]
        write_parquet(tmp_path / "own" / name, images, [0, 1, 2])
    write_parquet(tmp_path / "own/test-00000-of-00001.parquet", good(), [1, 0])
    loaded = data.load("own", root=tmp_path)
    assert "own" in data.names(root=tmp_path)
    assert loaded.train_labels.tolist() == [0, 1, 2, 0, 1, 2]
    expected = np.stack([*pictures(3, seed=0), *pictures(3, seed=1)]).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(loaded.train_images, expected)
    (tmp_path / "own" / names[0]).unlink()
    with pytest.raises(ValueError, match=r"must hold all 2 shards train-00000-of-00002.parquet, "):
        data.load("own", root=tmp_path)
    write_parquet(tmp_path / "own" / names[0], [encoded(pictures(1, (9, 9, 3))[0])], [0])
    with pytest.raises(ValueError, match=r"must have images of one shape, got \(3, 6, 5\), \(3, 9"):
        data.load("own", root=tmp_path)
