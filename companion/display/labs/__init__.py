"""What `labs` is made of: from the controls in front to the training behind them."""
