"""Cycles of a Cortex-M4 from its executed instructions; the rules are listed in docs/cycles.md."""
