"""What chapter 2 trains: where the variance of a signal comes from once the weights learn."""

from companion.chapters.variance_propagation.experiments import in_training

EXPERIMENTS = (in_training.DIGITS, in_training.CIFAR)
