"""An MLP and SGD in float64 NumPy, one image and one unit of algebra at a time."""

import numpy as np

from companion.theory import gains
from tests.references import scale

OTHERS = ("leaky_relu", "gelu", "silu", "selu")
"""Activations whose formulas are the theory's, a number at a time."""

PHI = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "linear": lambda z: z}
PHI |= {name: np.vectorize(gains.ACTIVATIONS[name], otypes=[float]) for name in OTHERS}
SLOPE = {
    "relu": lambda z: (z > 0).astype(float),
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
    "linear": np.ones_like,
}
SLOPE |= {name: np.vectorize(gains.SLOPES[name], otypes=[float]) for name in OTHERS}


def preactivations(weights, biases, x, activation):
    """``z_l = W_l phi(z_{l-1}) + b_l`` of one image x [inputs]."""
    values = []
    for weight, bias in zip(weights, biases, strict=True):
        values.append(weight @ x + bias)
        x = PHI[activation](values[-1])
    return values


def loss(logits, label):
    """Cross entropy of one image in nats."""
    return np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[label]


def gradients(weights, biases, images, labels, activation):
    """d(mean loss) / d(weights) and / d(biases) of a batch, image by image."""
    in_weights = [np.zeros_like(weight) for weight in weights]
    in_biases = [np.zeros_like(bias) for bias in biases]
    for x, label in zip(images, labels, strict=True):
        z = preactivations(weights, biases, x, activation)
        signals = [x] + [PHI[activation](value) for value in z[:-1]]
        delta = np.exp(z[-1]) / np.exp(z[-1]).sum()
        delta[label] -= 1
        for layer in reversed(range(len(weights))):
            in_weights[layer] += np.outer(delta, signals[layer]) / len(images)
            in_biases[layer] += delta / len(images)
            if layer > 0:
                delta = SLOPE[activation](z[layer - 1]) * (weights[layer].T @ delta)
    return in_weights, in_biases


def penalty_gradient(weight, gain):
    """d/dw of ``(mean((w - mean w)^2) / sigma^2 - 1)^2`` with Kaiming's sigma, weight by weight."""
    variance = scale.kaiming(weight.shape[1], gain) ** 2
    away = [value - sum(weight.flat) / weight.size for value in weight.flat]
    excess = sum(value**2 for value in away) / weight.size / variance - 1
    slopes = [2 * excess * 2 * value / (weight.size * variance) for value in away]
    return np.reshape(slopes, weight.shape)


def train(weights, biases, batches, settings):
    """SGD over a list of (images, labels): ``v <- m v + g + decay p``, ``p <- p - lr v``; the
    variance penalty of `settings` in g, its rescaling after every `tau` steps. Returns new weights
    and biases."""
    parameters = [value.copy() for value in (*weights, *biases)]
    velocities = [np.zeros_like(value) for value in parameters]
    depth = len(weights)
    for step, (images, labels) in enumerate(batches, start=1):
        slopes = gradients(
            parameters[:depth], parameters[depth:], images, labels, settings.activation
        )
        for weight, slope in zip(parameters[:depth], slopes[0], strict=True):
            slope += settings.variance_penalty * penalty_gradient(weight, settings.gain)
        for p, v, g in zip(parameters, velocities, (*slopes[0], *slopes[1]), strict=True):
            v[:] = settings.momentum * v + g + settings.weight_decay * p
            p[:] = p - settings.learning_rate * v
        if settings.rescale != "none" and step % (settings.tau or step + 1) == 0:
            _rescale(parameters, depth, settings)
    return parameters[:depth], parameters[depth:]


def _rescale(parameters, depth, settings):
    for layer in range(depth):
        weight = parameters[layer]
        if settings.rescale == "wrs":
            weight[:] = scale.wrs(weight)
        else:
            weight[:] = scale.wr(weight, scale.kaiming(weight.shape[1], settings.gain))
            parameters[depth + layer][:] = 0
