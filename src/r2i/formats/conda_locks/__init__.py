"""Locks of conda packages: explicit lists, `conda-lock.yml`, `pixi.lock`, and whether they match what they lock."""
