"""The methods of the comparison: families of matrix shapes, brought to equal numbers of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from hmd_tflm.benchmarks.paper.masks import Masks, apart, row_groups
from hmd_tflm.errors import UserError
from hmd_tflm.structure import Structure

TOLERANCE = 0.01  # of a method's parameters around the common budget
SEARCHED = 0.12  # how far from the nominal factor a common budget may lie

Shapes = Callable[[int, int, int], Iterator[Structure]]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to a smaller recurrent layer.

    Args:
        title: for people.
        shapes: all its shapes for (inputs, units, gates), each larger than the one before.
        pruned: whether the (dense) shape loses its smallest weights until the budget is met.
        masks: of a shape, which factors are kept, where not all are.
        from_dense: whether it starts from a dense network that was trained in the same way.
        taught: whether it learns from that network, too.
        base: the method that it is another training or another reading of.
    """

    title: str
    shapes: Shapes
    pruned: bool = False
    masks: Callable[[Structure], Masks] | None = None
    from_dense: bool = False
    taught: bool = False
    base: str | None = None

    def parameters(self, shape: Structure) -> int:
        """Weights of one of its shapes."""
        return self.masks(shape).parameters(shape) if self.masks else shape.parameters


def _dense(inputs: int, units: int, gates: int) -> Iterator[Structure]:
    yield Structure.dense(inputs, units, gates=gates)


def _small(inputs: int, units: int, gates: int) -> Iterator[Structure]:
    for fewer in range(1, units):
        yield Structure.dense(inputs, fewer, gates=gates)


def _lmf(inputs: int, units: int, gates: int, shared: bool) -> Iterator[Structure]:
    for rank in range(1, units):
        yield Structure(inputs, units, 0, 1, rank, shared, gates)


def _hybrid(inputs: int, units: int, gates: int, blocks: int, rank: int) -> Iterator[Structure]:
    for rows in range(1, units):
        yield Structure(inputs, units, rows, blocks, rank, False, gates)


def _reading(title: str, blocks: int, rank: int, masks: Callable[[Structure], Masks]) -> Method:
    return Method(title, partial(_hybrid, blocks=blocks, rank=rank), masks=masks, base="hmd")


def _taught(title: str, shapes: Shapes, base: str) -> Method:
    return Method(f"{title} from dense, taught", shapes, from_dense=True, taught=True, base=base)


_LMF = partial(_lmf, shared=False)
_LMF_SHARED = partial(_lmf, shared=True)
_HMD = partial(_hybrid, blocks=2, rank=1)

METHODS = {
    "dense": Method("dense", _dense),
    "small": Method("small dense", _small),
    "pruned": Method("pruned", _dense, pruned=True),
    "lmf": Method("LMF", _LMF),
    "lmf_shared": Method("LMF, shared", _LMF_SHARED),
    "hmd_k1": Method("HMD, k = 1", partial(_hybrid, blocks=1, rank=1)),
    "hmd": Method("HMD, k = 2", _HMD),
    "hmd_k4": Method("HMD, k = 4", partial(_hybrid, blocks=4, rank=1)),
    "hmf_d2": Method("HMF, d = 2", partial(_hybrid, blocks=1, rank=2)),
    "hmf_d4": Method("HMF, d = 4", partial(_hybrid, blocks=1, rank=4)),
    "hmf_d8": Method("HMF, d = 8", partial(_hybrid, blocks=1, rank=8)),
    "hmf_d16": Method("HMF, d = 16", partial(_hybrid, blocks=1, rank=16)),
    "hmd_g2": _reading("HMD, 2 row groups", blocks=2, rank=2, masks=row_groups),
    "hmd_g4": _reading("HMD, 4 row groups", blocks=2, rank=4, masks=row_groups),
    "hmd_apart": _reading("HMD, x and h apart", blocks=1, rank=2, masks=apart),
    "lmf_from_dense": Method("LMF from dense", _LMF, from_dense=True, base="lmf"),
    "hmd_from_dense": Method("HMD from dense", _HMD, from_dense=True, base="hmd"),
    "lmf_taught": _taught("LMF", _LMF, "lmf"),
    "lmf_shared_taught": _taught("LMF, shared,", _LMF_SHARED, "lmf_shared"),
    "hmd_taught": _taught("HMD", _HMD, "hmd"),
}


def method(name: str) -> Method:
    """A method by its name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in METHODS:
        raise UserError(f"method: received {name!r}, expected one of {', '.join(METHODS)}")
    return METHODS[name]


def shape(name: str, inputs: int, units: int, gates: int, budget: int) -> Structure | None:
    """The shape of a method whose parameters are nearest to a budget; of "pruned" the dense one.

    None if the method's smallest shape exceeds the budget.

    Raises:
        UserError: the method is not known.
    """
    chosen = method(name)
    shapes = list(chosen.shapes(inputs, units, gates))
    if not chosen.pruned and chosen.parameters(shapes[0]) > (1 + TOLERANCE) * budget:
        return None
    return min(shapes, key=lambda s: abs(chosen.parameters(s) - budget))


@cache
def budget(inputs: int, units: int, gates: int, factor: float) -> int:
    """The number of parameters nearest to the factor's that all methods can have within 1 %.

    The sizes of each method go in steps of up to 7 %, so the nominal number itself will not do; in
    small layers no number may, and then it is the one that is missed least. Of methods that cannot
    be so small at all and of those with masks, no notice is taken. Factor 1 gives the dense number.
    """
    dense = Structure.dense(inputs, units, gates=gates).parameters
    if factor == 1:
        return dense
    nominal = round(dense / factor)
    sizes = []
    for name, one in METHODS.items():
        if name == "dense" or one.pruned or one.masks:
            continue
        if shape(name, inputs, units, gates, nominal):
            sizes.append(np.array([s.parameters for s in one.shapes(inputs, units, gates)]))
    reach = int(SEARCHED * nominal)
    candidates = np.arange(nominal - reach, nominal + reach + 1)
    candidates = candidates[np.argsort(np.abs(candidates - nominal), kind="stable")]
    missed = [np.abs(s[:, None] / candidates - 1).min(axis=0) for s in sizes]
    worst = np.max(missed, axis=0, initial=0)
    fit = worst <= TOLERANCE
    return int(candidates[fit.argmax() if fit.any() else worst.argmin()])
