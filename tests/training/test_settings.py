"""Settings: every refusal by its sentence."""

import json
import math
from dataclasses import FrozenInstanceError, replace

import pytest

from companion.methods.rescaling import Rescaling
from companion.training.settings import Settings


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"widths": (5,)}, r"widths must be at least two whole numbers >= 1 .* got \(5,\)"),
        ({"activation": "swish"}, r"activation must be one of relu, tanh, .*, got 'swish'"),
        (
            {"scheme": "he"},
            r"scheme must be one of kaiming, xavier, constant, .*, got 'he'; pick one",
        ),
        ({"rescale": "ws"}, r"rescaling rule must be one of none, wr, wrs, got 'ws'"),
        ({"rescale": "wr", "tau": -1}, r"whole number of steps >= 1, .* got -1"),
        ({"gain": 0}, r"gain must be > 0, got 0"),
        ({"gain": -1.0}, r"gain must be > 0, got -1"),
        ({"gain": math.nan}, r"gain must be > 0, got nan"),
        ({"scheme": "constant", "gain": 0}, r"gain must be > 0, got 0; sqrt 2 suits ReLU"),
        ({"learning_rate": 0}, r"learning_rate must be > 0, got 0; 0.001 suits SGD here"),
        ({"learning_rate": math.inf}, r"learning_rate must be > 0, got inf"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0; 0 switches it off"),
        ({"momentum": -0.1}, r"momentum must be in \[0, 1\), got -0.1"),
        ({"weight_decay": -1e-4}, r"weight_decay must be >= 0, got -0.0001; 0 switches it off"),
        ({"weight_decay": math.nan}, r"weight_decay must be >= 0, got nan"),
        ({"l1_penalty": -1e-4}, r"l1_penalty must be >= 0, got -0.0001; 0 switches it off"),
        (
            {"l1_penalty": 1e-4, "parametrization": "arctan"},
            r"L1 penalty needs weights .* got parametrization 'arctan', which .*; use none",
        ),
        ({"variance_penalty": -1.0}, r"variance_penalty must be finite and >= 0, got -1.0; 0 swi"),
        ({"variance_penalty": math.inf}, r"variance_penalty must be finite and >= 0, got inf"),
        ({"variance_penalty": math.nan}, r"variance_penalty must be finite and >= 0, got nan"),
        (
            {"variance_penalty": 0.1, "scheme": "constant"},
            r"needs an initial standard deviation > 0, got scheme 'constant'; use kaiming or x",
        ),
        (
            {"variance_penalty": 0.1, "parametrization": "weight_norm"},
            r"themselves trained, got parametrization 'weight_norm', which .*; use none",
        ),
        (
            {"compander_a": 2.0},
            r"compander_a must be left at 1.0 without a curve, got 2.0; set parametrization to one",
        ),
        (
            {"slope_aware": True, "parametrization": "weight_norm"},
            r"slope_aware must be left at False without a curve, got True; set parametrization",
        ),
        (
            {"compander_b": 0.0, "parametrization": "arctan"},
            r"compander_b must be finite and > 0, got 0.0; b = a gives slope 1 at 0",
        ),
        (
            {"compander_units": "rms", "parametrization": "arctan"},
            r"compander_units must be one of weight, sigma, got 'rms'; pick one",
        ),
        (
            {"compander_learn": "yes", "parametrization": "arctan"},
            r"compander_learn must be one of no, coarse, fine, got 'yes'; pick one",
        ),
        ({"decay_as_rate": -1.0}, r"decay_as_rate must be finite and >= 0, got -1.0; 0 switches"),
        (
            {"decay_as_rate": 0.1, "normalization": "batch_mean"},
            r"needs weights that .* normalization that ignores .* got normalization 'batch_mean'",
        ),
        (
            {"decay_as_rate": 0.1},
            r"needs weights that .* normalization that ignores .* got normalization 'none' and",
        ),
        (
            {"decay_as_rate": 0.1, "normalization": "batch", "optimizer": "adam"},
            r"decay_as_rate replaces the decay of SGD, got optimizer 'adam'; use sgd",
        ),
        (
            {"decay_as_rate": 0.1, "normalization": "batch", "weight_decay": 0.1},
            r"got optimizer 'sgd' and a decay that acts on weights too; use sgd, and let decayed",
        ),
        (
            {"rate_from": (("rescale", "wrs"),)},
            r"rate_from needs weights that .* normalization that ignores .* got normalization 'no",
        ),
        (
            {"rate_from": (("rescale", "wrs"),), "normalization": "batch", "optimizer": "sgdw"},
            r"rate_from follows SGD with coupled or .*, got optimizer 'sgdw'; use sgd or adamw",
        ),
        (
            {"rate_from": (("tau", 2),), "normalization": "batch", "decay_as_rate": 0.1},
            r"rate_from follows .*, got optimizer 'sgd' and decay_as_rate; use sgd or adamw, and",
        ),
        (
            {"rate_from": (("gain", 2.0),), "normalization": "batch"},
            r"rate_from must name settings that hold weights, each once, got gain; use some of re",
        ),
        (
            {"rate_from": (("tau", 2), ("tau", 3)), "normalization": "batch"},
            r"rate_from must name settings that hold weights, each once, got tau, tau; use some",
        ),
        (
            {"rate_from": (("weight_decay", -1.0),), "normalization": "batch"},
            r"weight_decay must be >= 0, got -1.0; 0 switches it off",
        ),
        (
            {"rate_from": (("rescale", "wrs"),), "normalization": "batch", "l1_penalty": 0.1},
            r"rate_from needs a loss that .* got a variance penalty of 0 and an L1 penalty of 0.1",
        ),
        (
            {"rate_from": ("rescale",), "normalization": "batch"},
            r"rate_from must be a sequence, each a sequence of 2, .* got \('rescale',\)",
        ),
        (
            {"compander_alpha": 1.5, "parametrization": "erf"},
            r"compander_alpha is powerpropagation's, got 1.5 for erf; leave it at 2, or set",
        ),
        (
            {"compander_alpha": 1.5},
            r"compander_alpha must be left at 2.0 without a curve, got 1.5; set parametrization",
        ),
        (
            {"compander_alpha": 0.5, "parametrization": "powerprop"},
            r"alpha must be finite and >= 1, got 0.5; 2 is usual",
        ),
        (
            {"rescale": "wr", "parametrization": "erf"},
            r"compander_clamp must be True where a rescaling may ask .* range of erf, got False;",
        ),
        (
            {"compander_learn": "coarse", "compander_units": "sigma", "parametrization": "erf"},
            r"compander_units must be weight for a coarse compander, .* got 'sigma'; learn fine",
        ),
        (
            {"compander_learn": "fine", "slope_aware": True, "parametrization": "erf"},
            r"compander_learn must be no under a slope-aware step, got 'fine'; fix a and b",
        ),
        (
            {"compander_units": "sigma", "scheme": "constant", "parametrization": "erf"},
            r"in units of sigma needs an initial standard deviation > 0, got scheme 'constant'",
        ),
        (
            {"parametrization": "tanh"},
            r"one of none, weight_norm, bounded_weight_norm, arctan, .* got 'tanh'; pick",
        ),
        ({"epochs": 0}, r"epochs must be a whole number >= 1, got 0; the book trains 100"),
        ({"scheme": "constant", "rescale": "wr"}, r"needs weights that differ, got .*constant"),
        ({"batch_size": 2.5}, r"batch_size must be .* got 2.5"),
        ({"epochs": 1.5}, r"epochs must be .* got 1.5"),
        ({"model": "vgg"}, r"model must be one of mlp, lenet5, .* got 'vgg'; pick one"),
        ({"normalization": "group"}, r"normalization must be one of none, batch, .* got 'group'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0; 0 switches it off"),
        ({"model": "lenet5"}, r"widths of lenet5 must be 6 whole numbers >= 1 .*; for example"),
        ({"inputs": "raw"}, r"inputs must be one of standardised, symmetric, unit, got 'raw'"),
        ({"optimizer": "lion"}, r"optimizer must be one of sgd, sgdw, adam, adamw, got 'lion'"),
        ({"schedule": "linear"}, r"schedule must be one of constant, step, cosine, got 'linear'"),
        (
            {"augmentation": "cutout"},
            r"augmentation must be one of none, crop_flip, .*, got 'cutout'",
        ),
        ({"precision": "fp8"}, r"precision must be one of float32, half, got 'fp8'; pick one"),
        ({"betas": (0.9, 1.0)}, r"betas must be two numbers in \[0, 1\), got \(0.9, 1.0\)"),
        ({"betas": (0.9,)}, r"betas must be two numbers in \[0, 1\), got \(0.9,\)"),
        ({"schedule": "step"}, r"'step' and milestones need each other, got 'step' and \(\)"),
        ({"milestones": (3,)}, r"need each other, got 'constant' and \(3,\); give both or neither"),
        ({"schedule": "step", "milestones": (5, 5)}, r"milestones must be .*rising, got \(5, 5\)"),
        ({"schedule": "step", "milestones": (0,)}, r"milestones must be .* >= 1, rising, got \(0,"),
        ({"drop": 0.0}, r"drop must be > 0, got 0.0; 0.1 is usual"),
        ({"warmup": 100}, r"warmup must be a whole number of epochs from 0 to 99, got 100"),
        ({"warmup": -1}, r"warmup must be a whole number of epochs from 0 to 99, got -1"),
    ],
)
def test_a_setting_out_of_range_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Settings(**change)
    with pytest.raises(ValueError, match=sentence):
        replace(Settings(), **change)


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings().gain = 1.0


def test_the_shape_is_what_a_stack_shares():
    base = Settings()
    for change in (
        {"gain": 1.0}, {"rescale": "wr"}, {"weight_decay": 0.1}, {"scheme": "xavier"},
        {"schedule": "cosine"}, {"warmup": 3}, {"momentum": 0.0}, {"variance_penalty": 0.1},
        {"l1_penalty": 0.1},
    ):  # fmt: skip
        assert replace(base, **change).shape == base.shape
    for change in (
        {"widths": (4, 2)}, {"epochs": 2}, {"batch_size": 1}, {"activation": "tanh"},
        {"optimizer": "adam"}, {"normalization": "batch"}, {"augmentation": "crop_flip"},
    ):  # fmt: skip
        assert replace(base, **change).shape != base.shape


def test_as_dict_is_plain_json_and_gives_the_settings_back():
    settings = Settings(rescale="wr", tau=3, weight_decay=1e-2)
    plain = json.loads(json.dumps(settings.as_dict()))
    assert Settings(**plain) == settings
    assert settings.rescaling == Rescaling("wr", 3)
