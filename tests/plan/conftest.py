"""Needs that several of the planner's tests share."""

import shutil

import pytest


@pytest.fixture(scope="session")
def compiler() -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
