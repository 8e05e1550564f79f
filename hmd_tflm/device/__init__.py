"""Inferences on a real board, over a line that may lose, alter and break."""
