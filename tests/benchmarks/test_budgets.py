"""The reference models cost no more than their committed budgets."""

import shutil

import pytest

from hmd_tflm.benchmarks import budgets
from hmd_tflm.benchmarks.budgets import Change
from hmd_tflm.errors import UserError


def test_no_model_grew() -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    committed = budgets.load()
    if budgets.compiler() != committed["compiler"]:
        pytest.skip(f"budgets are of {committed['compiler']}, here is {budgets.compiler()}")
    changes = budgets.changes(committed, dict(budgets.measure()))
    assert not [change for change in changes if change.exceeds]
    assert len(changes) >= 6


def test_growth_of_more_than_a_percent_exceeds() -> None:
    assert not Change("m", "cycles", 1000, 1010).exceeds
    assert Change("m", "cycles", 1000, 1011).exceeds
    assert not Change("m", "cycles", 1000, 500).exceeds


def test_a_model_without_a_budget_is_named() -> None:
    with pytest.raises(UserError, match="expected of new; run hmd-tflm bench --update"):
        budgets.changes({"models": {}}, {"new": {"instructions": 1, "cycles": 1}})
