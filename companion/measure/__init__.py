"""What is measured: quantities of the weights and of the signals that pass through them."""
