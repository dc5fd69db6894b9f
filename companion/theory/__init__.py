"""Closed forms for the scale of weights and of signals: what the figures draw as prediction."""
