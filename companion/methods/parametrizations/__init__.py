"""Weights written in terms of what is trained: as a curve, w = a psi(v / b), or by weight norm.

The weight compander (C: arXiv 2306.16993) trains v where another network trains w.

* `curves`: arctan, arsinh, erf and powerpropagation, with inverse and slope;
* `compander`: one of them as a parametrization of one weight;
* `whole`: `compand_` bends a whole model, `bake` gives the plain network back;
* `weight_norm`: a length and a direction for every unit, the length learned or kept;
* `steps`: decay that acts on w, and the adaptive step that knows the slope.
"""

# with `as`, and not __all__: the library's page then shows each name once, where it is written
from companion.methods.parametrizations.compander import Compander as Compander
from companion.methods.parametrizations.curves import CURVES as CURVES
from companion.methods.parametrizations.curves import Curve as Curve
from companion.methods.parametrizations.curves import power as power
from companion.methods.parametrizations.steps import SlopeAware as SlopeAware
from companion.methods.parametrizations.steps import add_decay_ as add_decay_
from companion.methods.parametrizations.steps import shrink_ as shrink_
from companion.methods.parametrizations.weight_norm import WeightNorm as WeightNorm
from companion.methods.parametrizations.weight_norm import (
    bounded_weight_norm as bounded_weight_norm,
)
from companion.methods.parametrizations.weight_norm import weight_norm as weight_norm
from companion.methods.parametrizations.whole import LEARNING as LEARNING
from companion.methods.parametrizations.whole import bake as bake
from companion.methods.parametrizations.whole import compand_ as compand_
from companion.methods.parametrizations.whole import companders as companders
from companion.methods.parametrizations.whole import refuse_shared as refuse_shared
