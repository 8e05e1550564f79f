"""What the kernels promise, and whether measurements keep it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hmd_tflm.op.cells import GRU, LSTM

Record = dict[str, Any]
LMF_LIMIT = 1.15  # of HMD's cycles
LMF = {LSTM.gates: ("lmf", "lmf shared"), GRU.gates: ("lmf",)}  # with HMD's MACs
PRUNED_LIMIT = 1.25  # times HMD's cycles, at least


@dataclass(frozen=True, slots=True)
class Target:
    """Of one size: cycles per MAC of a dense layer; HMD's share of the peer's dense cycles."""

    inputs: int
    units: int
    dense: float
    hmd_2x: float
    hmd_4x: float


TARGETS = (
    Target(128, 128, 1.55, 0.30, 0.17),
    Target(64, 64, 1.75, 0.28, 0.18),
    Target(32, 32, 2.2, 0.27, 0.19),
    Target(16, 64, 2.0, 0.27, 0.19),
    Target(10, 118, 1.65, 0.29, 0.17),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A measured ratio beside its limit."""

    inputs: int
    units: int
    what: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the ratio keeps its limit."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def verdicts(
    records: Sequence[Record], peer: dict[tuple[int, int], float] | None = None
) -> Iterator[Verdict]:
    """Every target of every size.

    Args:
        records: one cell's of benchmarks/kernels.json.
        peer: cycles per nominal MAC of the peer's dense layer, by (inputs, units); None if the
            cell has no peer.
    """
    for t in TARGETS:
        size = t.inputs, t.units
        layers = {
            (r["method"], r["factor"]): r for r in records if (r["inputs"], r["units"]) == size
        }
        dense = layers["dense", 1.0]
        nominal = dense["nominal_macs"]
        yield Verdict(*size, "dense, cycles per MAC", dense["cycles"] / nominal, t.dense)
        for factor, share in ((2.0, t.hmd_2x), (4.0, t.hmd_4x)):
            hmd = layers["hmd", factor]["cycles"]
            name = f"HMD {factor:g}x"
            if peer is not None:
                of_peer = hmd / nominal / peer[size]
                yield Verdict(*size, f"{name}, share of the peer's dense", of_peer, share)
            for method in LMF[dense["gates"]]:
                ratio = layers[method, factor]["cycles"] / hmd
                label = method.replace("lmf", "LMF")
                yield Verdict(*size, f"{label} {factor:g}x, over {name}", ratio, LMF_LIMIT)
            pruned = layers["pruned", factor]["cycles"] / hmd
            in_place = dense["cycles"] / hmd
            what = f"pruned {factor:g}x, {{}}, over {name}"
            for form, ratio in (("with indices", pruned), ("zeros in place", in_place)):
                yield Verdict(*size, what.format(form), ratio, PRUNED_LIMIT, at_least=True)
