"""Measurements that back the documentation: each is a module to run with `python -m`."""
