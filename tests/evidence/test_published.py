"""The papers' printed numbers: transcribed a second time, and consistent with themselves."""

import math

import pytest
from scipy import stats

from companion.evidence import published, rank_tests

ACCURACY = {
    ("I", "none"): (48.72, 0.48, 14.02, 4.40, 100),
    ("I", "wr"): (50.08, 0.50, 76.01, 20.52, 100),
    ("I", "wd-1e-2"): (48.00, 0.45, 58.93, 24.27, 100),
    ("I", "wd-1e-3"): (50.17, 0.48, 61.41, 23.76, 100),
    ("I", "wd-1e-4"): (48.90, 0.53, 15.86, 5.17, 100),
    ("III", "none-xavier"): (53.99, 1.22, 6.04, 1.51, 50),
    ("III", "wr-xavier"): (54.21, 1.19, 15.76, 20.31, 50),
    ("III", "none-kaiming"): (55.49, 0.99, 4.78, 0.97, 50),
    ("III", "wr-kaiming"): (56.22, 1.06, 17.18, 22.03, 50),
    ("V", "alexnet-none"): (68.33, 0.42, 18.20, 3.59, 20),
    ("V", "alexnet-wr"): (70.63, 0.54, 80.10, 16.30, 20),
    ("V", "resnet50-none"): (69.46, 0.80, 76.50, 22.30, 40),
    ("V", "resnet50-wr"): (70.31, 0.86, 61.17, 19.18, 40),
}
TESTS = [
    ("II", "none", "wr", 1.20e1, 1.01e-31, 0.05 / 3, True, 100),
    ("II", "none", "wd-1e-3", 3.00e0, 1.87e-32, 0.05 / 3, True, 100),
    ("II", "wr", "wd-1e-3", 2.08e3, 1.31e-1, 0.05 / 3, False, 100),
    ("IV", "none-kaiming", "wr-kaiming", 1.16e2, 5.38e-4, 0.05 / 6, True, 50),
    ("IV", "none-kaiming", "none-xavier", 9.25e1, 4.80e-10, 0.05 / 6, True, 50),
    ("IV", "none-kaiming", "wr-xavier", 1.60e2, 5.04e-8, 0.05 / 6, True, 50),
    ("IV", "wr-kaiming", "none-xavier", 6.80e1, 2.94e-13, 0.05 / 6, True, 50),
    ("IV", "wr-kaiming", "wr-xavier", 7.20e1, 3.95e-12, 0.05 / 6, True, 50),
    ("IV", "none-xavier", "wr-xavier", 5.20e2, 2.66e-1, 0.05 / 6, False, 50),
    ("VI", "alexnet-none", "alexnet-wr", 0.0, 6.80e-8, 0.05, True, 20),
    ("VI", "resnet50-none", "resnet50-wr", 1.10e1, 5.53e-4, 0.05, True, 40),
]
TEXT = {
    ("mlp", "parameters"): 199_082,
    ("lenet5", "parameters"): 62_006,
    ("alexnet", "parameters"): 57_044_810,
    ("resnet50", "parameters"): 23_520_842,
    ("mlp-layer-1", "width"): 32,
    ("mlp-layer-2", "width"): 32,
    ("mlp-layer-3", "width"): 10,
    ("mlp-layer-1", "weight_std_before"): 0.03,
    ("mlp-layer-1", "weight_std_after"): 0.17,
    ("training", "learning_rate"): 1e-3,
    ("training", "momentum"): 0.9,
    ("training", "train_images"): 40_000,
    ("training", "validation_images"): 10_000,
    ("training", "test_images"): 10_000,
    ("training", "alpha_base"): 0.05,
    ("alexnet", "dropout"): 0.5,
    ("wr-xavier minus none-xavier", "accuracy_gain"): 0.22,
    ("wr-kaiming minus none-kaiming", "accuracy_gain"): 0.73,
    ("none-kaiming minus none-xavier", "accuracy_gain"): 1.5,
    ("alexnet-wr minus alexnet-none", "accuracy_gain"): 2.33,
    ("resnet50-wr minus resnet50-none", "accuracy_gain"): 0.85,
    ("mlp-layer-1", "weight_std_growth_at_least"): 5,
    ("training", "epochs"): 100,
    ("training", "classes"): 10,
    ("training", "images"): 60_000,
    ("training", "image_side"): 32,
    ("lenet5", "gain"): 1,
    ("none", "overfits_from"): 5,
    ("none", "test_accuracy_peaks_around"): 10,
    ("alexnet-none", "collapses_after"): 20,
}
# network and optimizer: WD on CIFAR-10, CIFAR-100 and Tiny ImageNet, then WRS
LIU_1 = {
    "vgg16 sgdm": (92.24, 69.79, 57.90, 92.37, 69.69, 58.28),
    "vgg16 adamw": (92.40, 68.02, 49.14, 93.32, 68.15, 52.15),
    "resnet18 sgdm": (94.37, 76.13, 63.44, 94.41, 76.77, 64.02),
    "resnet18 adamw": (93.44, 72.83, 62.47, 94.26, 75.95, 62.17),
    "wideresnet28-10 sgdm": (94.14, 80.25, 66.82, 95.22, 79.95, 69.22),
    "wideresnet28-10 adamw": (94.17, 74.97, 60.57, 94.59, 78.89, 64.03),
}
LIU_S1 = {
    "vgg16 sgdm": (40, 40, 40),
    "vgg16 adamw": (40, 40, 40),
    "resnet18 sgdm": (20, 10, 40),
    "resnet18 adamw": (40, 10, 40),
    "wideresnet28-10 sgdm": (40, 40, 40),
    "wideresnet28-10 adamw": (40, 40, 40),
}
LIU_S2 = {
    "resnet18 sgdm": (94.14, 74.92, 63.03, 94.33, 75.75, 63.16),
    "resnet18 adamw": (93.46, 71.31, 61.22, 93.77, 76.32, 61.70),
    "wideresnet28-10 sgdm": (95.43, 79.85, 66.63, 94.99, 79.72, 68.05),
    "wideresnet28-10 adamw": (94.10, 75.46, 60.76, 94.57, 79.30, 63.89),
}
LIU_SECTION = {
    ("yolov3 sgdm coco wrs minus wd", "map_gain"): 2.2,
    ("deeplabv3 adamw voc wrs minus wd", "miou_gain"): 2.52,
    ("csrnet adam ucf-qnrf wd", "mae"): 103.84,
    ("csrnet adam ucf-qnrf wd", "mse"): 176.28,
    ("csrnet adam ucf-qnrf wrs", "mae"): 96.51,
    ("csrnet adam ucf-qnrf wrs", "mse"): 173.80,
}
LIU_TEXT = {
    ("csrnet wrs minus wd", "mae_drop"): 7.33,
    ("csrnet wrs minus wd", "mse_drop"): 2.48,
    ("wd", "mean_accuracy"): 75.7,
    ("wrs", "mean_accuracy"): 76.9,
    ("wrs minus wd", "t"): 3.4498,
    ("wrs minus wd", "freedom"): 17,
    ("wrs minus wd", "p"): 0.003,
    ("training", "trials"): 3,
    ("training", "weight_decay"): 5e-4,
    ("training", "batch_size"): 100,
    ("training-adamw", "learning_rate"): 0.001,
    ("training-adamw", "epochs"): 200,
    ("training-adamw", "learning_rate_factor"): 0.1,
    ("training-adamw", "first_drop"): 60,
    ("training-adamw", "second_drop"): 120,
    ("training-adamw", "third_drop"): 160,
}


def test_every_row_is_accounted_for():
    assert len(published.rows("N")) == 2 * len(ACCURACY) + 4 * len(TESTS) + len(TEXT)
    assert not published.rows("N").duplicated(["source", "table", "cell", "quantity"]).any()
    assert published.rows("N").columns.tolist() == [
        "source", "table", "cell", "label", "quantity", "unit", "mean", "sd", "runs",
    ]  # fmt: skip


@pytest.mark.parametrize(("table", "cell"), ACCURACY)
def test_accuracy_tables_are_as_printed_in_percent(table, cell):
    accuracy, accuracy_sd, epoch, epoch_sd, runs = ACCURACY[table, cell]
    frame = published.rows("N", table)
    frame = frame[frame["cell"] == cell].set_index("quantity")
    assert frame.loc["test_accuracy", ["unit", "mean", "sd", "runs"]].tolist() == [
        "percent", accuracy, accuracy_sd, runs,
    ]  # fmt: skip
    assert frame.loc["best_epoch", ["unit", "mean", "sd", "runs"]].tolist() == [
        "epoch", epoch, epoch_sd, runs,
    ]  # fmt: skip


def test_printed_tests_are_as_printed():
    found = [
        (table, *row)
        for table in ("II", "IV", "VI")
        for row in published.mann_whitney_rows("N", table).itertuples(index=False, name=None)
    ]
    assert found == TESTS


def test_numbers_in_the_text_are_as_printed():
    frame = published.rows("N", "text")
    assert {(r.cell, r.quantity): r.mean for r in frame.itertuples()} == TEXT


def test_summary_is_in_fractions_with_the_t_interval():
    found = published.summary("N", "I", "wr", "test_accuracy")
    half = stats.t.ppf(0.975, 99) * 0.0050 / math.sqrt(100)
    assert (found.mean, found.sd, found.runs) == (pytest.approx(0.5008), pytest.approx(0.005), 100)
    assert (found.low, found.high) == pytest.approx((0.5008 - half, 0.5008 + half))
    assert published.summary("N", "I", "wr", "best_epoch").mean == 76.01
    wide = published.summary("N", "I", "wr", "best_epoch", confidence=0.99)
    assert wide.high > published.summary("N", "I", "wr", "best_epoch").high


def test_value_turns_percent_into_a_fraction_and_leaves_the_rest():
    assert published.value("N", "V", "alexnet-wr", "test_accuracy") == pytest.approx(0.7063)
    assert published.value("N", "text", "resnet50", "parameters") == 23_520_842


def test_stars_follow_the_printed_p_and_alpha():
    for table in ("II", "IV", "VI"):
        frame = published.mann_whitney_rows("N", table)
        assert (frame["starred"] == (frame["p"] < frame["alpha"])).all()


def test_one_printed_pair_of_statistic_and_p_belongs_together():
    together = [
        math.isclose(rank_tests.mann_whitney_p(u, runs, runs), p, rel_tol=0.01)
        for _, _, _, u, p, _, _, runs in TESTS
    ]
    assert together == [False] * 9 + [True, False]


def test_rows_are_copies():
    frame = published.rows("N")
    frame.loc[:, "mean"] = 0
    assert published.rows("N")["mean"].max() == 57_044_810


def test_errors_list_what_there_is():
    with pytest.raises(ValueError, match=r"the sources are .*L, N.*, got 'Z'; use one"):
        published.rows("Z")
    with pytest.raises(ValueError, match=r"tables of N are I, II, III, IV, V, VI, text, got 'VII'"):
        published.rows("N", "VII")
    with pytest.raises(ValueError, match=r"has the cell none, wr, wd-1e-2.*got 'wrs'; use one"):
        published.summary("N", "I", "wrs", "test_accuracy")
    with pytest.raises(ValueError, match="has the quantity test_accuracy, best_epoch, got 'loss'"):
        published.value("N", "I", "wr", "loss")
    with pytest.raises(ValueError, match="needs sd and runs, and parameters of mlp in table text"):
        published.summary("N", "text", "mlp", "parameters")
    with pytest.raises(ValueError, match="the tables of tests of N are II, IV, VI, got 'I'"):
        published.mann_whitney_rows("N", "I")
    for table, source in [("I", "N"), ("S1", "L"), ("text", "L")]:
        with pytest.raises(ValueError, match=f"dataset and arm, got table '{table}' of {source}"):
            published.paired_rows(source, table)


@pytest.mark.parametrize(("table", "expected"), [("1", LIU_1), ("S2", LIU_S2)])
def test_lius_accuracies_are_as_printed(table, expected):
    found = {}
    for row in published.paired_rows("L", table).itertuples():
        found.setdefault(f"{row.network} {row.optimizer}", {})[row.dataset] = (row.wd, row.wrs)
    sets = ("c10", "c100", "tiny")
    assert list(found) == list(expected)
    for name, pairs in found.items():
        assert list(pairs) == list(sets)
        printed = [pairs[s][0] for s in sets] + [pairs[s][1] for s in sets]
        assert printed == list(expected[name])
    frame = published.rows("L", table)
    assert (frame["runs"] == 3).all() if table == "1" else frame["runs"].isna().all()


def test_lius_periods_and_text_are_as_printed():
    frame = published.rows("L", "S1")
    expected = {
        f"{name} {s} wrs": steps
        for name, row in LIU_S1.items()
        for s, steps in zip(("c10", "c100", "tiny"), row, strict=True)
    }
    assert {r.cell: r.mean for r in frame.itertuples()} == expected
    text = published.rows("L", "text")
    assert {(r.cell, r.quantity): r.mean for r in text.itertuples()} == LIU_TEXT
    assert published.value("L", "text", "wrs", "mean_accuracy") == pytest.approx(0.769)
    rest = len(LIU_SECTION) + len(LIU_TEXT)
    assert len(published.rows("L")) == 6 * sum(map(len, (LIU_1, LIU_S2))) + 18 + rest


def test_lius_other_tasks_are_as_printed():
    frame = published.rows("L", "section 6.2")
    assert {(r.cell, r.quantity): r.mean for r in frame.itertuples()} == LIU_SECTION
    for quantity in ("mae", "mse"):
        wd, wrs = (
            published.value("L", "section 6.2", f"csrnet adam ucf-qnrf {arm}", quantity)
            for arm in ("wd", "wrs")
        )
        drop = published.value("L", "text", "csrnet wrs minus wd", f"{quantity}_drop")
        assert round(wd - wrs, 2) == drop
