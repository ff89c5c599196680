"""What a buildpack is: the contract that every module of this package fulfils."""

from __future__ import annotations

from typing import Protocol

from r2i.checkout import Checkout
from r2i.model import BaseImage, Detection, Options


class Buildpack(Protocol):
    @property
    def name(self) -> str:
        """The stem of its module, its templates and its documentation page."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the configuration files that it looks for."""

    def detect(self, checkout: Checkout, base: BaseImage) -> Detection | None:
        """Look at a checkout; None where there is nothing for this buildpack.

        Pure: it reads through `checkout` and nothing else. All strings in the result that a template takes are
        fully validated; what cannot be is an `InvalidRepositoryError` with file, line and hint.
        """


class EnvironmentBuildpack(Protocol):
    """A buildpack for one way to declare the Python environment: the result has an `environment`."""

    @property
    def name(self) -> str:
        """The stem of its module, its templates and its documentation page."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the configuration files that it looks for, the strongest first."""

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        """As `Buildpack.detect`; None also where such a file declares no environment of its kind."""
