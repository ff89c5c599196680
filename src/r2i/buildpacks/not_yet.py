"""Files that declare a Python environment in a way that r2i cannot install yet."""

from __future__ import annotations

from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import NoBuildpackError
from r2i.model import Detection, Options


@dataclass(frozen=True)
class NotYet:
    name: str
    files: tuple[str, ...]

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        del options
        path = next((path for name in self.files if (path := checkout.config(name))), None)
        if path is None:
            return None
        checkout.read(path)
        raise NoBuildpackError(
            "This file declares the Python environment, and r2i cannot install its kind yet",
            file=path,
            hint="Declare the packages in a `requirements.txt` inside a `binder` directory",
        )
