"""What one can do to the scale of weights: set it, reparametrize it, reset it."""
