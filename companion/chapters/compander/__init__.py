"""Chapter 4: the weight compander, a curve between the weight that learns and the one that acts."""
