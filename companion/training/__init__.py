"""Training: one run that a reader can follow, and many runs at once that equal it."""
