"""Firmware without a board: built with PlatformIO, run in an emulator, measured."""
