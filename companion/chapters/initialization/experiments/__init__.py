"""What chapter 1 trains: depth and gain, gain and learning rate, and schemes by name."""

from companion.chapters.initialization.experiments import depth_gain, gain_rate, schemes

EXPERIMENTS = (depth_gain.TANH, depth_gain.RELU, schemes.EXPERIMENT, gain_rate.EXPERIMENT)
