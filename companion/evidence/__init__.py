"""Records of what was run, the papers' numbers beside them, and the sentences that follow."""
