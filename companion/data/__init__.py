"""Image sets as uint8 tensors on the device, and their seeded splits.

>>> from companion import data
>>> digits = data.split(data.load("digits"), seed=0)
>>> digits.sizes
{'train': 1150, 'validation': 287, 'test': 360}
"""

from companion.data.catalogue import load, names
from companion.data.image_sets import INPUTS, ImageSet, Split, image_set, split

__all__ = ["INPUTS", "ImageSet", "Split", "image_set", "load", "names", "split"]
