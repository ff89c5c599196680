"""What a buildpack is: the contracts that the modules of this package fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from r2i.checkout import Checkout
from r2i.model import Detection, Options, VersionRequest


class Buildpack(Protocol):
    @property
    def name(self) -> str:
        """The stem of its module, its templates and its documentation page."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the configuration files that it looks for, the strongest first."""

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        """Look at a checkout; None where there is nothing for this buildpack.

        Pure: it reads through `checkout` and nothing else. All strings in the result that a template takes are
        fully validated; what cannot be is an `InvalidRepositoryError` with file, line and hint.

        Of `ENVIRONMENTS`, the result has an `environment`; it is None also where a file declares none of its kind.
        """


@dataclass(frozen=True, kw_only=True)
class LanguageClaims:
    """What other files than its own say of a language.

    `requests` are versions that files name, the strongest first; `ran_on` is what notebooks say they ran on. `packages`
    are the names of all conda and Debian packages that files ask for: a language may be among them. `conda` are those of conda.
    `kernels` are the names of the kernels that notebooks in the language ask for.
    """

    requests: tuple[VersionRequest, ...] = ()
    ran_on: VersionRequest | None = None
    packages: frozenset[str] = frozenset()
    conda: frozenset[str] = frozenset()
    kernels: tuple[str, ...] = ()


class LanguageBuildpack(Protocol):
    """A buildpack for a language beside Python, asked where one of its files or a claim is there."""

    @property
    def name(self) -> str:
        """The stem of its module, its templates and its documentation page, and the key of the language in detections."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the configuration files that it looks for, the strongest first."""

    def detect(self, checkout: Checkout, options: Options, claims: LanguageClaims) -> Detection | None:
        """As `Buildpack.detect`; the result has a `language` where its layers install one."""
