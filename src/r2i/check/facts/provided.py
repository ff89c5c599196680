"""Which modules an environment has, as far as the tables of distributions know.

FawltyDeps and deptry ask the environments that are installed beside them, and guess where there is none (a module is in the
distribution of its name). Nothing of a repository is installed here, and what is not known must not be guessed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from r2i.check.facts.distributions import closure, distributions
from r2i.facts.tables import read_table
from r2i.formats.requirements.specifiers import normalised
from r2i.image import KERNEL_PACKAGES, SERVER_PACKAGES

#: Modules that some Python had and ours has not, and what every program has.
OF_OTHER_PYTHONS = frozenset(
    [
        "__main__",
        "_winreg",
        "aifc",
        "annotationlib",
        "asynchat",
        "asyncore",
        "audioop",
        "BaseHTTPServer",
        "binhex",
        "cgi",
        "cgitb",
        "chunk",
        "compression",
        "ConfigParser",
        "Cookie",
        "cookielib",
        "cPickle",
        "crypt",
        "cStringIO",
        "distutils",
        "dummy_threading",
        "formatter",
        "htmlentitydefs",
        "HTMLParser",
        "httplib",
        "imghdr",
        "imp",
        "lib2to3",
        "macpath",
        "mailcap",
        "md5",
        "msilib",
        "nis",
        "nntplib",
        "ossaudiodev",
        "parser",
        "pipes",
        "Queue",
        "sets",
        "sha",
        "smtpd",
        "SimpleHTTPServer",
        "sndhdr",
        "SocketServer",
        "spwd",
        "StringIO",
        "sunau",
        "symbol",
        "telnetlib",
        "Tkinter",
        "tkMessageBox",
        "urllib2",
        "urlparse",
        "UserDict",
        "uu",
        "xdrlib",
        "xmlrpclib",
    ]
)
STANDARD = sys.stdlib_module_names | OF_OTHER_PYTHONS

#: What conda's Python brings, and an environment of uv does not.
OF_CONDA = ("pip", "setuptools", "wheel")

#: Modules that come with a kernel or a shell, below no distribution of the tables.
OF_IPYTHON = frozenset({"IPython", "ipykernel", "ipywidgets", "ipykernel_launcher"})

#: How conda calls what is one of several packages with the same modules.
VARIANTS = ("-base", "-core", "-cpu", "-gpu", "-mkl")


@dataclass(frozen=True)
class Provided:
    """`modules` are dotted names of what is surely there, `unknown` the distributions that may bring anything else.

    `vague` says what may bring something else, however unlikely (`a package of conda's`); empty where nothing can.
    """

    modules: frozenset[str]
    unknown: tuple[str, ...] = ()
    vague: str = ""

    def has(self, module: str) -> bool:
        """Also where only something below it is known: `import google` says nothing of what is used."""
        return not self._shown.isdisjoint(beginnings(module)[:1]) or not self.modules.isdisjoint(
            beginnings(module)
        )

    def with_distributions(self, names: Iterable[str]) -> Provided:
        """As if these were asked for, too."""
        brought = {module for name in closure(names) for module in modules_of(name)}
        return replace(self, modules=self.modules | brought)

    @cached_property
    def _shown(self) -> frozenset[str]:
        return frozenset(part for module in self.modules for part in beginnings(module))


def provided(
    names: Iterable[str],
    *,
    conda: bool = False,
    kernel: bool = True,
    server: bool = False,
    complete: bool = False,
    vague: str = "",
    extras: Iterable[str] = (),
    brought: Iterable[str] = (),
) -> Provided:
    """What these distributions bring, and those of an image: `kernel` says whether what a kernel needs counts, too.

    `complete` says that all are named, `extras` are those of which more is asked for, `brought` what conda packages need besides.
    """
    asked = {of_pypi(name) if conda else name for name in names}
    of_kernel = KERNEL_PACKAGES if kernel else ()
    of_image = {*of_kernel, *(SERVER_PACKAGES if server else ()), *(OF_CONDA if conda else ())}
    under_extras = {other for name in extras for other in optional().get(name, ())}
    there = {*asked, *brought}
    needed = closure(of_image | there)
    found = needed | closure(under_extras)
    modules = {module for name in found for module in modules_of(name)} | OF_IPYTHON
    # Who is asked for by name, and known by nothing else, has that name as most do; nothing more is taken from it.
    modules |= {name.replace("-", "_") for name in there if not modules_of(name)}
    unknown = [name for name in asked if name not in distributions() and not is_no_python(name, conda=conda)]
    if complete:
        unknown = [name for name in unknown if not modules_of(name)]
    elif not vague and (gap := next((name for name, row in needed.items() if row is None), "")):
        vague = f"`{gap}`"
    return Provided(modules=frozenset(modules), unknown=tuple(sorted(unknown)), vague=vague)


def modules_of(name: str) -> tuple[str, ...]:
    """Empty where that is not known."""
    row = distributions().get(name)
    return row.modules if row else _others().get(name, ())


def providers(module: str) -> tuple[str, ...]:
    """The distributions that bring a module, of the longest part of its name that any brings, the likeliest first."""
    for part in beginnings(module):
        if found := _by_module().get(part):
            return tuple(
                sorted(found, key=lambda name: (normalised(part) != name, name not in _usual(), name))
            )
    return ()


def of_pypi(name: str) -> str:
    """The distribution in a package of conda's."""
    known = normalised(name)
    if (
        known not in (of_pypi := names()["of-pypi"])
        and known.endswith(VARIANTS)
        and known not in distributions()
    ):
        whole = known.rpartition("-")[0]
        known = whole if whole in distributions() else known  # `geoviews-core`
    return of_pypi.get(known, known)


def of_conda(name: str) -> str:
    """The package of conda's with a distribution."""
    named = [
        conda for conda, pypi in names()["of-pypi"].items() if pypi == name and not conda.endswith(VARIANTS)
    ]
    return min(named, key=len, default=name)


def brought_by_conda(name: str) -> tuple[str, ...]:
    """The distributions that a conda package needs, and the distribution of its name does not."""
    return tuple(_table("conda_names.toml")["brings"].get(normalised(name), "").split())


def is_no_python(name: str, *, conda: bool) -> bool:
    """Whether a package of conda's is a program or a library, or of another language."""
    return conda and (name in _table("conda_names.toml")["not-python"]["names"] or name.startswith("r-"))


def is_program(name: str) -> bool:
    """Whether there are other ways to use a distribution than to import it."""
    return name in _programs()


@cache
def optional() -> Mapping[str, tuple[str, ...]]:
    """What distributions use where it is installed."""
    return _rows(_table("modules.toml")["optional"])


@cache
def _others() -> Mapping[str, tuple[str, ...]]:
    return _rows(_table("modules.toml")["modules"])


@cache
def _programs() -> frozenset[str]:
    return frozenset(_table("modules.toml")["programs"].split())


@cache
def _by_module() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in (*distributions(), *_others()):
        for module in modules_of(name):
            found.setdefault(module, []).append(name)
    return found


@cache
def _usual() -> frozenset[str]:
    """Of several with one module, those that are meant where nothing else is said."""
    return frozenset(names()["replaced"].values())


@cache
def names() -> Mapping[str, Mapping[str, str]]:
    """Names that are not those of a distribution, and what is meant: `replaced`, `elsewhere`, `standard`, `of-conda`."""
    return _table("names.toml", package="r2i.diagnosis") | _table("conda_names.toml")


def _table(file: str, *, package: str = "r2i.check.facts") -> dict[str, Any]:
    return read_table(package, file)


def _rows(text: str) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(rest.split()) for name, _, rest in (line.partition(":") for line in text.splitlines())
    }


def beginnings(module: str) -> list[str]:
    """`a.b.c`, `a.b`, `a`."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
