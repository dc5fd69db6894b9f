"""What the reader sees: one look, figures from rows, explorables from one definition."""
