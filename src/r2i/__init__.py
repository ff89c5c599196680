"""Turn any research repository into a running Jupyter image."""

from __future__ import annotations

__version__ = "0.1.0"
