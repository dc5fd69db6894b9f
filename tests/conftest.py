"""What every test runs under: one CPU thread, so that a shared machine does not stretch small
products a hundredfold, and no deadline for hypothesis, whose clock such a machine upsets."""

import hypothesis
import torch

torch.set_num_threads(1)
hypothesis.settings.register_profile("book", deadline=None)
hypothesis.settings.load_profile("book")
