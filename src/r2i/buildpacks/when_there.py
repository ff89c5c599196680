"""Buildpacks whose modules are imported when one of their files is there: most repositories have but one kind of them."""

from __future__ import annotations

import posixpath
from fnmatch import fnmatchcase
from importlib import import_module

from r2i.buildpacks.protocol import Buildpack, LanguageBuildpack, LanguageClaims
from r2i.checkout import Checkout
from r2i.model import Detection, Options


class WhenThere:
    """Stands for `r2i.buildpacks.<module>.<class>`; `also` are patterns of further files that it has something to say of."""

    def __init__(self, path: str, files: tuple[str, ...], *, also: tuple[str, ...] = ()) -> None:
        self.name, _, self._class = path.partition(".")
        self.files = files
        self._also = also

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        return self.pack.detect(checkout, options) if self._is_there(checkout) else None

    @property
    def pack(self) -> Buildpack:
        pack: Buildpack = getattr(import_module(f"r2i.buildpacks.{self.name}"), self._class)()
        return pack

    def _is_there(self, checkout: Checkout) -> bool:
        if any(checkout.config(name) for name in self.files):
            return True
        names = map(posixpath.basename, checkout.entries(checkout.config_dir)) if self._also else ()
        return any(fnmatchcase(name, pattern) for name in names for pattern in self._also)


class WhenClaimed:
    """Stands for a language as `WhenThere` for a buildpack; what other files say of the language makes it be asked, too.

    `packages` are conda and Debian packages that bring the language.
    """

    def __init__(self, path: str, files: tuple[str, ...], *, packages: tuple[str, ...] = ()) -> None:
        self.name, _, self._class = path.partition(".")
        self.files = files
        self._packages = frozenset(packages)

    def detect(self, checkout: Checkout, options: Options, claims: LanguageClaims) -> Detection | None:
        claimed = claims.requests or claims.ran_on or self._packages & claims.packages
        if not claimed and not any(checkout.config(name) for name in self.files):
            return None
        return self.pack.detect(checkout, options, claims)

    @property
    def pack(self) -> LanguageBuildpack:
        pack: LanguageBuildpack = getattr(import_module(f"r2i.buildpacks.{self.name}"), self._class)()
        return pack
