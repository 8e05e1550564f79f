"""One option for each layer such that all keep within limits and lose least: an integer program.

It is the multiple-choice knapsack problem, with several limits; HiGHS solves it exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from hmd_tflm.errors import UserError
from hmd_tflm.structure import Structure

UNITS = {"cycles": "cycles", "flash": "bytes of flash", "ram": "bytes of RAM"}


@dataclass(frozen=True, slots=True)
class Option:
    """A shape for a layer.

    Attributes:
        cycles, flash: what the layer adds to the model's.
        ram: what the whole model needs at least with it.
        error: what it loses; errors of layers add up.
    """

    structure: Structure
    cycles: float
    flash: float
    ram: float
    error: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What all layers together may take: the sum of cycles and of flash, the largest RAM."""

    cycles: float = inf
    flash: float = inf
    ram: float = inf


def front(options: Sequence[Option]) -> list[Option]:
    """Those that no other is as good as in everything, and better in something."""
    values = np.array([(o.cycles, o.flash, o.ram, o.error) for o in options])
    no_worse = (values[:, None] <= values).all(axis=2)
    better = (values[:, None] < values).any(axis=2)
    dominated = (no_worse & better).any(axis=0)
    return [option for option, drop in zip(options, dominated, strict=True) if not drop]


def affordable(options: Sequence[Sequence[Option]], limits: Limits) -> list[list[Option]]:
    """Without those that break a limit even if the other layers get their smallest options."""
    cycles, flash = (
        [min(getattr(option, name) for option in layer) for layer in options]
        for name in ("cycles", "flash")
    )
    return [
        [
            option
            for option in layer
            if option.cycles - cycles[n] + sum(cycles) <= limits.cycles
            and option.flash - flash[n] + sum(flash) <= limits.flash
            and option.ram <= limits.ram
        ]
        for n, layer in enumerate(options)
    ]


def choose(options: Sequence[Sequence[Option]], limits: Limits) -> list[Option]:
    """The options, one of each layer's, with the least sum of errors within the limits.

    Raises:
        Unreachable: there are none.
    """
    found = _solve(options, limits)
    if found is None:
        raise Unreachable(_least(options, limits))
    return found


class Unreachable(UserError):
    """No choice keeps within the limits.

    Attributes:
        least: for each limit that is missed, the smallest reachable value: whatever the others take
            or, if each limit could be kept alone, with the others kept.
    """

    def __init__(self, least: Mapping[str, float]) -> None:
        self.least = least
        reach = ", ".join(f"{value:,.0f} {UNITS[name]}" for name, value in least.items())
        super().__init__(f"limits: the least that can be reached is {reach}")


def _least(options: Sequence[Sequence[Option]], limits: Limits) -> dict[str, float]:
    bounded = [f.name for f in fields(Limits) if getattr(limits, f.name) < inf]
    alone = {name: _smallest(options, Limits(), name) for name in bounded}
    missed = {name: n for name, n in alone.items() if n > getattr(limits, name)}
    return missed or {
        name: _smallest(options, replace(limits, **{name: inf}), name) for name in bounded
    }


def _smallest(options: Sequence[Sequence[Option]], limits: Limits, name: str) -> float:
    found = _solve(options, limits, name)
    if found is None:
        return inf
    values = [getattr(option, name) for option in found]
    return max(values) if name == "ram" else sum(values)


def _solve(
    options: Sequence[Sequence[Option]], limits: Limits, minimise: str = "error"
) -> list[Option] | None:
    """The unknowns: for each option whether it is chosen, then cycles, flash and RAM of all."""
    flat = [option for layer in options for option in layer]
    layer_of = np.repeat(np.arange(len(options)), [len(layer) for layer in options])
    member = np.equal.outer(np.arange(len(options)), layer_of).astype(float)
    values = {
        name: np.array([getattr(option, name) for option in flat], float)
        for name in ("cycles", "flash", "ram", "error")
    }
    resources = [f.name for f in fields(Limits)]
    scales = {name: max(values[name].max(), 1.0) for name in resources}  # for the solver's accuracy
    rows = [
        *(_row(values["cycles"] / scales["cycles"], 0), _row(values["flash"] / scales["flash"], 1)),
        *(_row(one * values["ram"] / scales["ram"], 2) for one in member),
    ]
    once = np.hstack([member, np.zeros((len(options), 3))])
    objective = np.zeros(len(flat) + 3)
    if minimise == "error":
        objective[: len(flat)] = values["error"]
    else:
        objective[len(flat) + resources.index(minimise)] = 1
    upper = [getattr(limits, name) / scales[name] for name in resources]
    if min(upper) < 0:
        return None
    found = milp(
        objective,
        integrality=np.concatenate([np.ones(len(flat)), np.zeros(3)]),
        bounds=Bounds(0, np.concatenate([np.ones(len(flat)), upper])),
        constraints=[
            LinearConstraint(csr_array(once), 1, 1),
            LinearConstraint(csr_array(np.array(rows)), -inf, 0),
        ],
        options={"mip_rel_gap": 0},
    )
    if found.x is None:
        return None
    return [flat[i] for i in np.flatnonzero(found.x[: len(flat)] > 0.5)]


def _row(used: NDArray[np.float64], resource: int) -> NDArray[np.float64]:
    """What is used, less the unknown that holds its sum: not above zero."""
    return np.concatenate([used, -np.eye(3)[resource]])
