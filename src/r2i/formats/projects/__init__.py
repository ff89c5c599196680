"""Python projects: what `pyproject.toml`, `setup.py` and `setup.cfg` say, read without running anything."""
