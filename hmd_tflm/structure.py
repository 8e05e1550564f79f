"""The one matrix shape of this project: dense rows above, column blocks of low rank below.

A gate of a recurrent layer multiplies ``v = [x | h]`` (``columns = inputs + units`` values) by
a matrix of ``units`` rows. Its first ``rows`` rows are unconstrained. Each of the other rows is
the same in kind: the columns fall into ``blocks`` blocks, and within block ``j`` the rows are
``expansion_j @ projection_j``, of rank ``rank``. The projections belong to each gate, or all
gates share them.

=========  =========  ========  ======  ======
name       rows       blocks    rank    source
=========  =========  ========  ======  ======
dense      units      -         -       -
LMF        0          1         any     Grachev et al. 2017
HMD        any        any (2)   1       Thakker et al. 2019, arXiv 1906.04886
HMF        any        1         any     Thakker et al. 2020, arXiv 2010.03193
=========  =========  ========  ======  ======
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError


@dataclass(frozen=True, slots=True)
class Structure:
    """The shape of the gate matrices of one recurrent layer.

    Args:
        inputs: features per time step, at least 1.
        units: hidden units (rows of a gate's matrix), at least 1.
        rows: unconstrained rows ``r`` of each gate, ``0 <= rows <= units``.
        blocks: column blocks ``k`` of the other rows, at least 1, at most half the columns.
        rank: rank ``d`` of each block, at least 1.
        shared: whether all gates use the same projections.
        gates: gate matrices in the layer (4 for an LSTM).

    Raises:
        UserError: a value is out of its range.
    """

    inputs: int
    units: int
    rows: int
    blocks: int = 2
    rank: int = 1
    shared: bool = False
    gates: int = 4

    def __post_init__(self) -> None:
        for name in ("inputs", "units", "blocks", "rank", "gates"):
            _check_integer(name, getattr(self, name), 1)
        _check_integer("rows", self.rows, 0)
        if self.rows > self.units:
            raise UserError(f"rows: received {self.rows}, expected at most units={self.units}")
        if self.rows < self.units and 2 * self.blocks > self.columns:
            raise UserError(
                f"blocks: received {self.blocks}, expected at most {self.columns // 2}, since each "
                f"block has two or more of the {self.columns} columns (inputs + units)"
            )

    @classmethod
    def dense(cls, inputs: int, units: int, *, gates: int = 4) -> Structure:
        """An ordinary layer: every row is unconstrained."""
        return cls(inputs, units, rows=units, gates=gates)

    @classmethod
    def hmd(
        cls, inputs: int, units: int, compression: float, *, blocks: int = 2, gates: int = 4
    ) -> Structure:
        """HMD: as many dense rows as ``compression`` leaves, rank-1 blocks below."""
        return cls._with_rows(inputs, units, compression, blocks, 1, False, gates)

    @classmethod
    def hmf(
        cls,
        inputs: int,
        units: int,
        compression: float,
        *,
        rank: int,
        shared: bool = False,
        gates: int = 4,
    ) -> Structure:
        """HMF: dense rows above one low-rank block that spans all columns."""
        return cls._with_rows(inputs, units, compression, 1, rank, shared, gates)

    @classmethod
    def lmf(
        cls, inputs: int, units: int, compression: float, *, shared: bool = False, gates: int = 4
    ) -> Structure:
        """LMF: no dense rows, the largest rank that reaches ``compression``.

        Raises:
            UserError: even rank 1 has too many parameters.
        """
        _check_compression(compression)
        one = cls(inputs, units, rows=0, blocks=1, rank=1, shared=shared, gates=gates)
        rank = int(one.dense_parameters / compression / one.parameters)
        if one.compression < 1:
            raise UserError(_no_smaller(one, compression))
        if rank < 1:
            raise UserError(
                f"compression: received {compression:g}, expected at most "
                f"{one.compression:.4g}, which LMF reaches with rank 1 at inputs={inputs}, "
                f"units={units}"
            )
        return cls(inputs, units, rows=0, blocks=1, rank=rank, shared=shared, gates=gates)

    @classmethod
    def for_compression(
        cls,
        inputs: int,
        units: int,
        compression: float,
        *,
        blocks: int = 2,
        rank: int = 1,
        shared: bool = False,
        gates: int = 4,
    ) -> Structure:
        """The most dense rows with which the layer is ``compression`` times smaller or more.

        Raises:
            UserError: no number of rows reaches it; the message names the reachable range.
        """
        return cls._with_rows(inputs, units, compression, blocks, rank, shared, gates)

    @classmethod
    def _with_rows(
        cls,
        inputs: int,
        units: int,
        compression: float,
        blocks: int,
        rank: int,
        shared: bool,
        gates: int,
    ) -> Structure:
        _check_compression(compression)

        def shape(rows: int) -> Structure:
            return cls(inputs, units, rows, blocks, rank, shared, gates)

        budget = shape(units).dense_parameters / compression
        rows = _last(units, lambda r: shape(r).parameters <= budget)
        if rows is None:
            least = shape(0)
            if least.compression < 1:
                raise UserError(_no_smaller(least, compression))
            raise UserError(
                f"compression: received {compression:g}, expected 1 to "
                f"{least.compression:.4g}, the range that blocks={blocks}, rank={rank}, "
                f"shared={shared} can reach at inputs={inputs}, units={units}"
            )
        return shape(rows)

    @property
    def columns(self) -> int:
        """Columns of a gate's matrix: ``inputs + units``."""
        return self.inputs + self.units

    @property
    def lower(self) -> int:
        """Rows of low rank: ``units - rows``."""
        return self.units - self.rows

    @property
    def projections(self) -> int:
        """Projected values that each lower row combines: ``blocks * rank``."""
        return self.blocks * self.rank if self.lower else 0

    @property
    def projection_sets(self) -> int:
        """Sets of projections in the layer: one, or one for each gate."""
        return 1 if self.shared else self.gates

    @property
    def boundaries(self) -> tuple[int, ...]:
        """Where the blocks begin, and the end: ``blocks + 1`` columns.

        Each boundary is the even column at or before ``j * columns / blocks``, since the kernels
        load columns in pairs.
        """
        inner = (2 * (j * self.columns // (2 * self.blocks)) for j in range(self.blocks))
        return (*inner, self.columns)

    @property
    def parameters(self) -> int:
        """Weights of all gates, without biases."""
        dense = self.gates * self.rows * self.columns
        if not self.lower:
            return dense
        projections = self.projection_sets * self.rank * self.columns
        return dense + projections + self.gates * self.projections * self.lower

    @property
    def macs(self) -> int:
        """Multiply-accumulates in one time step, without the element-wise gate arithmetic.

        A GRU (three gates) computes shared projections twice: its candidate sees other columns.
        """
        twice = self.gates == 3 and self.shared and self.lower > 0
        return self.parameters + (self.rank * self.columns if twice else 0)

    @property
    def dense_parameters(self) -> int:
        """Weights of the uncompressed layer of the same inputs and units."""
        return self.gates * self.units * self.columns

    @property
    def compression(self) -> float:
        """Weights of the uncompressed layer over those of this one."""
        return self.dense_parameters / self.parameters

    def effective(
        self,
        dense: NDArray[np.floating],
        projection: NDArray[np.floating],
        expansion: NDArray[np.floating],
    ) -> NDArray[np.float64]:
        """The full matrices that the factors stand for.

        Args:
            dense: ``[gates, rows, columns]``.
            projection: ``[projection_sets, rank, columns]``; block ``j`` uses its own columns.
            expansion: ``[gates, lower, blocks, rank]``.

        Returns:
            float64 ``[gates, units, columns]``.

        Raises:
            UserError: an array has another shape.
        """
        self.check_factors(dense, projection, expansion)
        full = np.zeros((self.gates, self.units, self.columns))
        full[:, : self.rows] = dense
        if self.lower:
            edges = self.boundaries
            for j, (begin, end) in enumerate(pairwise(edges)):
                full[:, self.rows :, begin:end] = expansion[:, :, j] @ projection[:, :, begin:end]
        return full

    def check_factors(
        self,
        dense: NDArray[np.floating],
        projection: NDArray[np.floating],
        expansion: NDArray[np.floating],
    ) -> None:
        """Raise UserError unless the factors have the shapes that `effective` names."""
        rank = self.rank if self.lower else 0
        expected = {
            "dense": (dense, (self.gates, self.rows, self.columns)),
            "projection": (projection, (self.projection_sets, rank, self.columns)),
            "expansion": (expansion, (self.gates, self.lower, self.blocks, self.rank)),
        }
        for name, (array, shape) in expected.items():
            if array.shape != shape:
                raise UserError(f"{name}: received shape {array.shape}, expected {shape}")


def _check_integer(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise UserError(f"{name}: received {value!r}, expected an integer of {least} or more")


def _check_compression(compression: float) -> None:
    if not isinstance(compression, Real) or not 1 <= compression < inf:
        raise UserError(f"compression: received {compression!r}, expected a number of 1 or more")


def _no_smaller(least: Structure, compression: float) -> str:
    return (
        f"compression: received {compression:g}, but at inputs={least.inputs}, "
        f"units={least.units} factors (blocks={least.blocks}, rank={least.rank}, "
        f"shared={least.shared}) are larger than a dense layer; leave it dense"
    )


def _last(limit: int, holds: Callable[[int], bool]) -> int | None:
    """The largest number of 0..limit for which a predicate holds, or None."""
    return next((n for n in range(limit, -1, -1) if holds(n)), None)
