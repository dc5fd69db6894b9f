"""Chapter 4's page on a and b that learn: what pulls at them, where they end, guards."""

import pytest
import torch
from torch import nn

from companion.chapters.compander import (
    learned_conclusions,
    learned_figures,
    learning,
    pulls,
)
from companion.chapters.compander.experiments import learned
from companion.evidence import claims, records
from companion.methods.parametrizations import compand_, companders


@pytest.fixture(scope="module")
def resnet():
    return records.recorded("compander-learned-cifar10-jpeg-book")


@pytest.fixture(scope="module")
def digits():
    return records.recorded("compander-curves-digits-book")


def test_the_gradients_of_a_and_b_are_the_sums_that_the_page_says():
    """<dL/dw, w> / a and -<dL/dw, Psi'(v) v> / b against autograd, float64."""
    model = compand_(nn.Linear(6, 4).double(), a=0.7, b=1.3, learn="fine")
    model(torch.randn(5, 6, dtype=torch.float64)).pow(3).sum().backward()
    ((_, layer, bent),) = companders(model)
    v = layer.parametrizations.weight.original
    with torch.no_grad():
        slope = bent.slope(v)
        pull = v.grad / slope
        torch.testing.assert_close(bent.a.grad, (pull * bent(v)).sum() / bent.a)
        torch.testing.assert_close(bent.b.grad, -(pull * slope * v).sum() / bent.b)


def test_batch_norm_takes_the_pull_from_a():
    normed, free = pulls.pulls("batch"), pulls.pulls("none")
    assert normed.index.tolist() == [1, 2, 3, 4]
    assert (normed["a"][:3] < 1e-4 * free["a"][:3]).all()
    assert normed.loc[4, "a"] > 0.1
    assert ((normed >= 0) & (normed <= 1)).all(axis=None)


def test_the_arms_share_their_start_and_differ_in_who_learns():
    arms = {name: arm.settings for name, arm in learned.CIFAR.arms.items()}
    assert [arms[name].compander_learn for name in ("kept", "coarse", "fine")] == [
        "no", "coarse", "fine",
    ]  # fmt: skip
    assert {(own.compander_a, own.compander_b) for name, own in arms.items() if name != "none"} == {
        (0.5, 1.0)
    }
    assert "curve" not in arms["fine"].decayed


def test_pairs_are_those_of_the_last_epoch(resnet):
    rows = resnet.epochs[resnet.epochs["epoch"] == resnet.epochs["epoch"].max()]
    values = rows.pivot(index="seed", columns="arm", values="test_accuracy").astype(float)
    found = learning.compared(resnet).set_index(["arm", "baseline"])
    for arm, baseline in learning.PAIRS:
        by_hand = 100 * (values[arm] - values[baseline]).mean()
        assert found.loc[(arm, baseline), "estimate"] == pytest.approx(by_hand)


def test_one_pair_is_every_layers_and_a_kept_one_stays(resnet):
    coarse, kept = learning.ends(resnet, "coarse"), learning.ends(resnet, "kept")
    for one, start in (("curve_a", learned.A), ("curve_b", learned.B)):
        assert (coarse[one].nunique(axis=1) == 1).all()
        assert (kept[one] == start).all(axis=None)
    assert (learning.ends(resnet, "fine")["curve_a"].nunique(axis=1) > 2).all()


def test_the_pages_words_stand_under_guard(resnet, digits):
    learned_conclusions.check_pulls()
    learned_conclusions.check_resnet(resnet)
    learned_conclusions.check_learned(digits)


def test_a_layer_that_is_pulled_stops_the_build(monkeypatch):
    free = pulls.pulls("none")
    monkeypatch.setattr(pulls, "pulls", lambda _: free)
    with pytest.raises(claims.Unsupported, match="the terms of a cancel"):
        learned_conclusions.check_pulls()


def test_a_record_of_more_images_stops_the_build(resnet):
    more = resnet.provenance | {"split": resnet.provenance["split"] | {"train": 40_000}}
    with pytest.raises(claims.Unsupported, match="three epochs of 20,000 images"):
        learned_conclusions.check_resnet(records.Record(resnet.path, more))


def test_figures_say_what_they_show(resnet, digits):
    assert "a, one a layer: from" in learned_figures.drift(resnet).alt
    assert "20,000 training images" in learned_figures.drift(resnet).ran
    assert "learned, one a layer, layer 3: a 1." in learned_figures.learned(digits).alt
