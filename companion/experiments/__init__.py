"""Experiments: what is trained, how often, at which scale; and the runner that does it."""
