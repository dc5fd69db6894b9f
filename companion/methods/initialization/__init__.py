"""Where weights start: fans, schemes by name, and filling a whole model.

The formulas live in `companion.theory.scale`; here they meet tensors. A scheme is a name for a
standard deviation; a fill draws from a distribution of that standard deviation. N(0, sigma^2) and
U(-sigma sqrt 3, sigma sqrt 3) have the same variance, and variance is all that the propagation
argument uses.

* `connections`: the inputs and outputs of a unit, for every kind of layer that torch has;
* `schemes`: standard deviations by name, distributions, orthogonal matrices;
* `layers`: which layers a scheme sets, and how one is given a weight;
* `whole`: `initialize_` sets a whole model;
* `activations`: one of torch as a function of a number;
* `lsuv`: the same with data;
* `weight_norm`: directions and lengths, set apart, with `structure`: what stands behind a layer;
* `reach`: does what an initialization writes reach the forward pass?
* `calculator`: `recommend` says what one layer needs.
"""

# with `as`, and not __all__: the library's page then shows each name once, where it is written
from companion.methods.initialization.calculator import Recommendation as Recommendation
from companion.methods.initialization.calculator import recommend as recommend
from companion.methods.initialization.connections import Matrix as Matrix
from companion.methods.initialization.connections import fans as fans
from companion.methods.initialization.connections import layer_fans as layer_fans
from companion.methods.initialization.connections import matrices as matrices
from companion.methods.initialization.connections import refuse_lazy as refuse_lazy
from companion.methods.initialization.layers import held as held
from companion.methods.initialization.layers import scalable_layers as scalable_layers
from companion.methods.initialization.layers import set_weight_ as set_weight_
from companion.methods.initialization.lsuv import lsuv_ as lsuv_
from companion.methods.initialization.reach import unreached as unreached
from companion.methods.initialization.schemes import DISTRIBUTIONS as DISTRIBUTIONS
from companion.methods.initialization.schemes import FILLS as FILLS
from companion.methods.initialization.schemes import SCHEMES as SCHEMES
from companion.methods.initialization.schemes import check_names as check_names
from companion.methods.initialization.schemes import check_weight as check_weight
from companion.methods.initialization.schemes import draw as draw
from companion.methods.initialization.schemes import fill_ as fill_
from companion.methods.initialization.schemes import orthonormal as orthonormal
from companion.methods.initialization.schemes import sigma as sigma
from companion.methods.initialization.structure import Place as Place
from companion.methods.initialization.structure import places as places
from companion.methods.initialization.weight_norm import LENGTHS as LENGTHS
from companion.methods.initialization.weight_norm import weight_norm_ as weight_norm_
from companion.methods.initialization.whole import initialize_ as initialize_
