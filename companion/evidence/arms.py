"""What the arms are called in tables, figures and sentences."""

LABELS = {
    "none": "none",
    "wd": "WD",
    "wr": "WR",
    "wrs": "WRS",
    "wd-1e-2": "WD 0.01",
    "wd-1e-3": "WD 0.001",
    "wd-1e-4": "WD 0.0001",
    "none-kaiming": "none, Kaiming",
    "wr-kaiming": "WR, Kaiming",
    "none-xavier": "none, Xavier",
    "wr-xavier": "WR, Xavier",
    "wr-before": "WR, before it",
    "wr-biases": "WR, biases kept",
    "alexnet-none": "none",
    "alexnet-wr": "WR",
    "resnet50-none": "none",
    "resnet50-wr": "WR",
    "compander": "compander",
    "weight_norm": "weight norm",
    "batch_norm": "batch norm",
}


def label(arm: str) -> str:
    """Return the short name of an arm; a name that is not listed stands for itself.

    >>> label("wd-1e-3"), label("width 64")
    ('WD 0.001', 'width 64')
    """
    return LABELS.get(arm, arm)
