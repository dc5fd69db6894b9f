"""Chapter 0: remedies for overfitting, normalization, and the statistics of training runs."""
