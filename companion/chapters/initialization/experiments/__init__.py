"""What chapter 1 trains: depth, width and gain, gain and learning rate, schemes, distributions."""

from companion.chapters.initialization.experiments import (
    depth_gain,
    depth_width,
    distributions,
    gain_rate,
    schemes,
)

EXPERIMENTS = (
    depth_gain.TANH,
    depth_gain.RELU,
    depth_width.EXPERIMENT,
    schemes.EXPERIMENT,
    distributions.EXPERIMENT,
    gain_rate.EXPERIMENT,
)
