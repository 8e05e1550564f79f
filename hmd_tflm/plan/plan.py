"""From a trained model and limits to a compressed model: shapes are weighed, chosen and tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import inf
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm.convert.check import check_model
from hmd_tflm.datasets import Dataset
from hmd_tflm.errors import UserError
from hmd_tflm.layers.compress import compress, input_moments, recurrent_layers
from hmd_tflm.layers.model_inputs import checked_rows
from hmd_tflm.layers.twin import stateless
from hmd_tflm.plan.choose import Limits, Option, Unreachable, affordable, choose, front
from hmd_tflm.plan.cost import check_board
from hmd_tflm.plan.firmware import Cost, Firmware, built, constant_bytes, cost
from hmd_tflm.plan.sensitivity import Layer, Probe, candidates
from hmd_tflm.simulate.board import Board
from hmd_tflm.structure import Structure

ROWS = 64  # of random inputs, where none are given
RETRIES = 2  # of a faster choice, where the emulator finds one too slow


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison; `limit` and `predicted` are None where there are none."""

    name: str
    digits: int
    limit: float | None
    predicted: float | None
    simulated: float

    @property
    def difference(self) -> float | None:
        """Of the prediction, relative to the simulation."""
        return None if self.predicted is None else self.predicted / self.simulated - 1

    @property
    def over(self) -> bool:
        """Whether the simulation is over the limit."""
        return self.limit is not None and self.simulated > self.limit


@dataclass(frozen=True, slots=True)
class Plan:
    """What `plan` chose.

    Attributes:
        model: compressed; not trained since.
        chosen: by layer name.
        error_is: what the options' errors are, in words.
        predicted, simulated: of the whole model.
        instructions: as simulated, of an inference in the mean; no formula predicts them.
    """

    board: Board
    limits: Limits
    model: keras.Model
    chosen: dict[str, Option]
    error_is: str
    predicted: Cost
    simulated: Cost
    instructions: float

    def table(self) -> list[Row]:
        """Instructions, cycles, milliseconds at the board's clock, bytes of flash and RAM."""
        ms = 1e3 / self.board.clock_hz
        p, s, limits = self.predicted, self.simulated, self.limits
        limit = {
            f.name: v if (v := getattr(limits, f.name)) < inf else None for f in fields(limits)
        }
        cycles = limit["cycles"]
        return [
            Row("instructions", 0, None, None, self.instructions),
            Row("cycles", 0, cycles, p.cycles, s.cycles),
            Row("ms", 3, cycles and cycles * ms, p.cycles * ms, s.cycles * ms),
            Row("flash", 0, limit["flash"], p.flash, s.flash),
            Row("RAM", 0, limit["ram"], p.ram, s.ram),
        ]

    @property
    def wait_states(self) -> int:
        """Of the flash in the cycles, 0 where they leave it out."""
        return self.board.flash.wait_states if self.board.flash else 0

    def as_dict(self) -> dict[str, Any]:
        """The plan for JSON, without the model."""
        return {
            "board": self.board.name,
            "clock_hz": self.board.clock_hz,
            "wait_states": self.wait_states,
            "error_is": self.error_is,
            "layers": [
                {"name": name, "shape": describe(option.structure)}
                | asdict(option.structure)
                | {"compression": option.structure.compression, "error": option.error}
                for name, option in self.chosen.items()
            ],
            "table": [
                {
                    "name": row.name,
                    "limit": row.limit,
                    "predicted": row.predicted,
                    "simulated": row.simulated,
                    "difference": row.difference,
                }
                for row in self.table()
            ],
        }


def describe(s: Structure) -> str:
    """A shape in words."""
    own = "shared " if s.shared else ""
    if not s.lower:
        return "dense"
    if not s.rows and s.blocks == 1:
        return f"LMF, {own}rank {s.rank}"
    if s.rank == 1:
        return f"HMD, {s.rows} dense rows, {s.blocks} {own}blocks"
    return f"HMF, {s.rows} dense rows, {own}rank {s.rank}"


def plan(
    model: keras.Model,
    board: Board,
    limits: Limits,
    *,
    calibration: NDArray | None = None,
    dataset: Dataset | None = None,
) -> Plan:
    """Choose the shapes of a trained model's recurrent layers.

    Args:
        model: as for `hmd_tflm.compress`, with one float32 input of fixed shape and one output.
        board: a Cortex-M4.
        limits: cycles, flash and RAM of the whole firmware; the board's own memory is one, too.
        calibration: inputs like those that the model will see, by which the weights are weighed.
        dataset: instead; its labels tell what each shape does to accuracy.

    Raises:
        UserError: a model, board or data that cannot be served, limits that cannot be kept.
    """
    check_board(board)
    check_model(model)
    if model.inputs[0].dtype != "float32":
        raise UserError(
            f"model {model.name}: received inputs of {model.inputs[0].dtype}, expected float32: "
            "firmware without an interpreter has no Embedding"
        )
    if dataset is not None:
        calibration = dataset.calibration()
    if calibration is not None:
        calibration = checked_rows(model, calibration)
    dense = stateless(compress(model, {}))
    moments: Mapping[str, NDArray] = {}
    if calibration is not None:
        moments = input_moments(dense, calibration)
    layers = {
        layer.name: Layer(layer, moments.get(layer.name)) for _, layer in recurrent_layers(dense)
    }
    rows = _random_inputs(model) if calibration is None else calibration
    least = {name: _least(layer.structure) for name, layer in layers.items()}
    firmware = Firmware(compress(model, least, calibration=calibration), rows, board)
    probe = None if dataset is None else Probe(dense, dataset)
    within = _with_memory(limits, board, firmware)
    costs = [_costs(name, layers[name].structure, firmware) for name in firmware.ops]
    _choose(firmware, costs, within)  # what cannot be reached is refused before the long work
    options = [
        _weighed(layers[name], one, probe)
        for name, one in zip(
            firmware.ops, affordable(costs, _for_layers(within, firmware)), strict=True
        )
    ]

    def tried(chosen: dict[str, Option]) -> Plan:
        shapes = {name: option.structure for name, option in chosen.items()}
        compressed = compress(model, shapes, calibration=calibration)
        report = built(compressed, rows, board)[1]
        error_is = "of the pre-activations' power" if probe is None else "nats of validation loss"
        predicted = firmware.cost(shapes)
        instructions = float(report.instructions.sum(axis=1).mean())
        simulated = cost(report)
        return Plan(board, limits, compressed, chosen, error_is, predicted, simulated, instructions)

    result = tried(_choose(firmware, options, within))
    for _ in range(RETRIES):
        excess = result.simulated.cycles - limits.cycles
        if excess <= 0:
            break
        within = replace(within, cycles=within.cycles - excess)
        try:
            faster = _choose(firmware, options, within)
        except UserError:
            break  # the table says that the limit is missed
        result = tried(faster)
    return result


def _least(dense: Structure) -> Structure:
    """LMF, which approximates best, in the smallest size; another where it is out of reach."""
    every = candidates(dense)
    lmf = [s for s in every if s.lower == s.units and not s.shared]
    return min(lmf or every, key=constant_bytes)


def _random_inputs(model: keras.Model) -> NDArray:
    """Of the model's shape, for sizes and cycles."""
    shape = (ROWS, *model.inputs[0].shape[1:])
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _costs(name: str, dense: Structure, firmware: Firmware) -> list[Option]:
    """A layer's candidates, as if they lost nothing."""
    return [
        Option(s, firmware.cycles(name, s), constant_bytes(s), firmware.cost({name: s}).ram, 0.0)
        for s in candidates(dense)
    ]


def _weighed(layer: Layer, options: list[Option], probe: Probe | None) -> list[Option]:
    """Those that no other beats in everything, with what they lose."""
    found = {
        option.structure: layer.approximation(option.structure)
        for option in tqdm(options, f"{layer.layer.name}: approximate", unit="shape")
    }
    best = front([replace(one, error=layer.lost(found[one.structure])) for one in options])
    if probe is None:
        return best
    return [
        replace(one, error=probe(layer, one.structure, found[one.structure]))
        for one in tqdm(best, f"{layer.layer.name}: probe", unit="shape")
    ]


def _with_memory(limits: Limits, board: Board, firmware: Firmware) -> Limits:
    """No more than the board has."""
    memory = board.memory
    return replace(
        limits,
        flash=min(limits.flash, memory["flash"].size),
        ram=min(limits.ram, memory["ram"].size - firmware.stack),
    )


def _for_layers(limits: Limits, firmware: Firmware) -> Limits:
    """What the rest of the firmware leaves."""
    rest = firmware.rest
    return Limits(limits.cycles - rest.cycles, limits.flash - rest.flash, limits.ram)


def _choose(
    firmware: Firmware, options: Sequence[Sequence[Option]], limits: Limits
) -> dict[str, Option]:
    """By layer name, within limits of the whole firmware."""
    left = _for_layers(limits, firmware)
    while True:
        try:
            chosen = dict(zip(firmware.ops, choose(options, left), strict=True))
        except Unreachable as error:
            raise UserError(_sentence(error.least, firmware, limits)) from error
        needed = firmware.cost({name: option.structure for name, option in chosen.items()}).ram
        if needed <= limits.ram:
            return chosen
        left = replace(left, ram=left.ram - (needed - limits.ram))  # the arena has gaps


def _sentence(least: Mapping[str, float], firmware: Firmware, limits: Limits) -> str:
    milliseconds = 1e3 / firmware.board.clock_hz
    parts = []
    for name, value in least.items():
        limit = getattr(limits, name)
        if value == inf:
            continue
        if name == "cycles":
            value = (value + firmware.rest.cycles) * milliseconds
            parts.append(f"max-ms {limit * milliseconds:.3g}, reachable {value:.3g}")
        else:
            value += firmware.rest.flash if name == "flash" else 0
            parts.append(f"max-{name} {limit:,.0f}, reachable {value:,.0f} bytes")
    return (
        f"limits: received {'; '.join(parts)}; give higher limits, or a model with fewer units "
        "or time steps"
    )
