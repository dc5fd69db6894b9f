"""Streams: SplitMix64's own numbers, the same alone and stacked, and random by every test.

Statistical limits are five standard errors, or a p-value below that of five standard errors; the
seeds are fixed, so a test passes always or never.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from companion import streams
from tests.references import splitmix

ALARM = 2 * stats.norm.sf(5)
DRAWS = {
    "bits": streams.bits,
    "uniform": streams.uniform,
    "normal": streams.normal,
    "permutation": streams.permutation,
}
SEEDS = st.integers(-(2**63), 2**63 - 1)
PURPOSES = st.text(max_size=20)
STEPS = st.integers(0, 2**31)
law = settings(deadline=None, max_examples=50)  # a busy machine has no time limits


# --- the generator ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "published"),
    [  # Vigna's splitmix64.c
        (0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]),
        (1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423]),
    ],
)
def test_the_mixer_gives_splitmix64s_published_numbers(seed, published):
    assert splitmix.sequence(seed, 3) == published
    counter = seed + torch.arange(1, 4) * splitmix.signed(splitmix.GOLDEN)
    assert streams._mix(counter).tolist() == [splitmix.signed(word) for word in published]


@law
@given(SEEDS, PURPOSES, STEPS, st.integers(0, 40))
def test_bits_are_those_of_python_integers(seed, purpose, step, n):
    expected = [splitmix.signed(word) for word in splitmix.words(seed, purpose, step, n)]
    assert streams.bits(seed, purpose, step, n).tolist() == expected


def test_bits_never_change():
    """A record is only repeatable while these numbers stand."""
    assert streams.bits(0, "order", 1, 2).tolist() == [-3670470471762938216, 8747268252221671842]
    assert streams.permutation(3, "order", 2, 8).tolist() == [4, 2, 3, 0, 1, 6, 7, 5]


@law
@given(SEEDS, STEPS)
def test_uniform_is_the_top_bits_in_the_middle_of_their_cell(seed, step):
    words = splitmix.words(seed, "u", step, 20)
    fine = streams.uniform(seed, "u", step, 20, dtype=torch.float64)
    coarse = streams.uniform(seed, "u", step, 20)
    assert fine.tolist() == [((word >> 12) + 0.5) / 2**52 for word in words]
    assert coarse.tolist() == [((word >> 41) + 0.5) / 2**23 for word in words]
    assert bool(((fine > 0) & (fine < 1)).all() & ((coarse > 0) & (coarse < 1)).all())


def test_the_ends_of_the_uniform_interval_stay_open_and_their_normals_finite(monkeypatch):
    ends = torch.tensor([0, -1])  # all 64 bits 0, all 64 bits 1
    monkeypatch.setattr(streams, "bits", lambda *_: ends)
    for dtype in (torch.float32, torch.float64):
        low, high = streams.uniform(0, "u", 0, 2, dtype=dtype).tolist()
        assert 0 < low < 1e-6
        assert 1 - 1e-6 < high < 1
    low, high = streams.normal(0, "z", 0, 2, dtype=torch.float64).tolist()
    assert low == -high
    assert high == pytest.approx(stats.norm.isf(2.0**-53), rel=1e-9)


# --- alone and stacked -----------------------------------------------------------------------


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@law
@given(seeds=st.lists(SEEDS, min_size=1, max_size=6), purpose=PURPOSES, step=STEPS)
def test_a_row_is_what_its_seed_draws_alone(draw, seeds, purpose, step):
    stacked = draw(seeds, purpose, step, 9)
    assert stacked.shape == (len(seeds), 9)
    for row, seed in zip(stacked, seeds, strict=True):
        alone = draw(seed, purpose, step, 9)
        assert alone.shape == (9,)
        assert torch.equal(row, alone)
    assert torch.equal(draw(torch.tensor(seeds), purpose, step, 9), stacked)


@law
@given(SEEDS, PURPOSES, STEPS, st.integers(0, 30), st.integers(0, 30))
def test_position_i_does_not_depend_on_how_many_are_drawn(seed, purpose, step, n, more):
    longer = streams.bits(seed, purpose, step, n + more)
    assert torch.equal(longer[:n], streams.bits(seed, purpose, step, n))


def test_a_draw_advances_no_hidden_state():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = streams.normal(1, "weights", 0, 100)
    streams.normal(2, "order", 5, 17)
    assert torch.equal(streams.normal(1, "weights", 0, 100), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_seed_purpose_and_step_has_its_own_words():
    purposes = ("weights:1", "weights:2", "order", "redro", "")
    words = [
        streams.bits(range(-50, 50), purpose, step, 10).flatten()
        for purpose in purposes
        for step in range(10)
    ]
    assert torch.cat(words).unique().numel() == 100 * 10 * len(purposes) * 10


def test_float32_normals_are_the_float64_ones_rounded():
    fine = streams.normal([1, 2], "z", 3, 1000, dtype=torch.float64)
    assert torch.equal(streams.normal([1, 2], "z", 3, 1000), fine.float())


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_zero_numbers_are_an_empty_tensor(draw):
    assert draw(1, "none", 0, 0).shape == (0,)
    assert draw([1, 2], "none", 0, 0).shape == (2, 0)


@pytest.mark.gpu
def test_a_gpu_draws_the_same():
    for draw in (streams.bits, streams.uniform, streams.permutation):
        ours = draw(range(8), "here", 3, 1000)
        assert torch.equal(draw(range(8), "here", 3, 1000, device="cuda").cpu(), ours)
    z = streams.normal(range(8), "here", 3, 1000, dtype=torch.float64)
    there = streams.normal(range(8), "here", 3, 1000, device="cuda", dtype=torch.float64)
    torch.testing.assert_close(there.cpu(), z, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_negative_step_or_count_is_refused(draw):
    with pytest.raises(ValueError, match=r"step must be >= 0, got -1; count steps and epochs"):
        draw(0, "order", -1, 3)
    with pytest.raises(ValueError, match=r"n must be >= 0, got -2; ask for a count"):
        draw(0, "order", 0, -2)


# --- random ----------------------------------------------------------------------------------

N = 65536
ALONG = {
    "positions": lambda n: streams.uniform(7, "u", 0, n, dtype=torch.float64),
    "seeds": lambda n: streams.uniform(range(n), "u", 0, 1, dtype=torch.float64)[:, 0],
    "seeds and positions": lambda n: streams.uniform(
        range(n // 64), "u", 3, 64, dtype=torch.float64
    ).flatten(),
    "steps": lambda n: torch.stack(
        [streams.uniform(range(16), "u", step, 1, dtype=torch.float64) for step in range(n // 16)]
    ).flatten(),
    "purposes": lambda n: torch.stack(
        [streams.uniform(range(16), f"u{i}", 0, 1, dtype=torch.float64) for i in range(n // 16)]
    ).flatten(),
}


@pytest.mark.parametrize("along", ALONG.values(), ids=ALONG)
def test_uniform_along_every_axis(along):
    u = along(N).numpy()
    assert len(u) == N
    counts = torch.histc(torch.from_numpy(u), 256, 0, 1).numpy()
    assert stats.chisquare(counts).pvalue > ALARM
    assert stats.kstest(u, "uniform").pvalue > ALARM
    lag = stats.pearsonr(u[:-1], u[1:]).statistic  # standard error 1 / sqrt n
    assert abs(lag) < 5 / math.sqrt(N - 1)


def test_every_one_of_the_64_bits_is_fair():
    words = streams.bits(range(64), "bits", 0, 1024).flatten()
    for bit in range(64):
        ones = int(((words >> bit) & 1).sum())
        assert abs(ones - N / 2) < 5 * math.sqrt(N) / 2, bit


@pytest.mark.parametrize("gap", [1, 2, 1000])
def test_neighbouring_seeds_do_not_correlate(gap):
    z = streams.normal([0, gap], "weights:1", 0, N, dtype=torch.float64).numpy()
    assert abs(stats.pearsonr(z[0], z[1]).statistic) < 5 / math.sqrt(N)


@pytest.mark.parametrize(
    "other", [("weights:1", 1), ("weights:2", 0), ("order", 0)], ids=["step", "layer", "purpose"]
)
def test_neighbouring_steps_and_purposes_do_not_correlate(other):
    one = streams.normal(5, "weights:1", 0, N, dtype=torch.float64).numpy()
    two = streams.normal(5, *other, N, dtype=torch.float64).numpy()
    assert abs(stats.pearsonr(one, two).statistic) < 5 / math.sqrt(N)


def test_one_changed_bit_of_the_seed_changes_half_of_the_bits():
    seeds = torch.arange(256)
    changed = [
        streams.bits(seeds, "a", 0, 1) ^ streams.bits(seeds ^ (1 << bit), "a", 0, 1)
        for bit in range(63)
    ]
    flips = sum(int(((word >> bit) & 1).sum()) for word in changed for bit in range(64))
    trials = 63 * 256 * 64
    assert abs(flips - trials / 2) < 5 * math.sqrt(trials) / 2


def test_normal_moments_and_distribution():
    z = streams.normal(range(16), "z", 0, N // 16, dtype=torch.float64).flatten().numpy()
    # standard errors of mean, variance, skewness and excess kurtosis of n normal numbers
    assert abs(z.mean()) < 5 * math.sqrt(1 / N)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / N)
    assert abs(stats.skew(z)) < 5 * math.sqrt(6 / N)
    assert abs(stats.kurtosis(z)) < 5 * math.sqrt(24 / N)
    assert stats.kstest(z, "norm").pvalue > ALARM


@law
@given(SEEDS, STEPS, st.integers(0, 200))
def test_a_permutation_holds_every_index_once(seed, step, n):
    order = streams.permutation(seed, "order", step, n)
    assert order.dtype == torch.int64
    assert order.sort().values.tolist() == list(range(n))


@pytest.mark.parametrize("along", ["seeds", "steps"])
def test_permutations_put_every_index_everywhere_equally_often(along):
    n, trials = 7, 4096
    if along == "seeds":
        orders = streams.permutation(range(trials), "order", 1, n)
    else:
        orders = torch.stack([streams.permutation(0, "order", t, n) for t in range(trials)])
    counts = torch.stack([torch.bincount(orders[:, place], minlength=n) for place in range(n)])
    expected = trials / n
    statistic = float(((counts - expected) ** 2 / expected).sum())
    # rows and columns both sum to `trials`, which leaves (n - 1)^2 free cells; each permutation
    # fills n cells at once, and the sum then has n / (n - 1) times a chi-square of that freedom
    assert stats.chi2.sf(statistic * (n - 1) / n, (n - 1) ** 2) > ALARM


def test_all_24_permutations_of_four_are_equally_frequent():
    orders = streams.permutation(range(24 * 400), "order", 1, 4)
    code = (orders * torch.tensor([64, 16, 4, 1])).sum(dim=1)
    counts = code.unique(return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts.numpy()).pvalue > ALARM


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_numbers_drawn_in_parts_are_those_drawn_at_once(dtype, monkeypatch):
    whole = streams.normal(7, "weights", 3, 1000, dtype=dtype)
    monkeypatch.setattr(streams, "_PART", 64)
    assert torch.equal(streams.normal(7, "weights", 3, 1000, dtype=dtype), whole)
    assert torch.equal(
        streams.bits(7, "weights", 3, 10, first=5), streams.bits(7, "weights", 3, 15)[5:]
    )
