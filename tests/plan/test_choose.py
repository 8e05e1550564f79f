"""The integer program against trying every combination."""

from dataclasses import astuple, replace
from itertools import product
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmd_tflm.errors import UserError
from hmd_tflm.plan.choose import Limits, Option, Unreachable, affordable, choose, front
from hmd_tflm.structure import Structure

SHAPE = Structure.dense(1, 1)
small = st.integers(0, 9)
options = st.builds(Option, st.just(SHAPE), small, small, small, small)
layers = st.lists(st.lists(options, min_size=1, max_size=5), min_size=1, max_size=3)
limit = st.one_of(st.just(inf), st.integers(0, 25))
limits = st.builds(Limits, limit, limit, limit)


def total(chosen) -> tuple[float, float, float]:
    return (
        sum(option.cycles for option in chosen),
        sum(option.flash for option in chosen),
        max(option.ram for option in chosen),
    )


def reachable(layers, limits: Limits) -> list:
    return [
        chosen
        for chosen in product(*layers)
        if all(used <= most for used, most in zip(total(chosen), astuple(limits), strict=True))
    ]


def error(chosen) -> float:
    return sum(option.error for option in chosen)


@settings(max_examples=200)
@given(layers, limits)
def test_no_combination_within_the_limits_loses_less(layers, limits: Limits) -> None:
    possible = reachable(layers, limits)
    if not possible:
        with pytest.raises(Unreachable):
            choose(layers, limits)
        return
    chosen = choose(layers, limits)
    assert len(chosen) == len(layers)
    assert tuple(chosen) in possible
    assert error(chosen) == min(map(error, possible))
    assert error(choose([front(layer) for layer in layers], limits)) == error(chosen)
    assert error(choose(affordable(layers, limits), limits)) == error(chosen)


@settings(max_examples=200)
@given(layers, limits)
def test_what_cannot_be_reached_is_named_with_what_can(layers, limits: Limits) -> None:
    try:
        choose(layers, limits)
    except Unreachable as unreachable:
        names = ("cycles", "flash", "ram")
        alone = {
            name: min(total(chosen)[i] for chosen in product(*layers))
            for i, name in enumerate(names)
        }
        missed = {name: value for name, value in alone.items() if value > getattr(limits, name)}
        if missed:
            assert unreachable.least == pytest.approx(missed)
            return
        for name, value in unreachable.least.items():
            assert value > getattr(limits, name)
            within = reachable(layers, replace(limits, **{name: inf}))
            smallest = min((total(c)[names.index(name)] for c in within), default=inf)
            assert value == pytest.approx(smallest)


def test_error_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="least that can be reached is 7 cycles"):
        choose([[Option(SHAPE, 7, 0, 0, 0)]], Limits(cycles=6))
