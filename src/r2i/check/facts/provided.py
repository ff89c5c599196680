"""Which modules an environment has, as far as the tables of distributions know.

FawltyDeps and deptry ask the environments that are installed beside them, and guess where there is none (a module is in the
distribution of its name). Nothing of a repository is installed here, and what is not known must not be guessed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from r2i.check.facts.answers import NOBODY, Answer, expanded
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

    Of `nameless` distributions it is known what they need, and not which modules they have themselves.
    `vague` says what may bring something else, however unlikely (`a package of conda's`); empty where nothing can.
    """

    modules: frozenset[str]
    unknown: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
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

    def of_its_own(self, module: str, distributions: Iterable[str] = ()) -> str:
        """One of those whose modules are not known that a module may be of, by its name or by those of the distributions
        that are known to have it; empty where there is none."""
        words = {word for name in (module, *distributions) for word in _words(name)}
        return next((name for name in (*self.unknown, *self.nameless) if _alike(_words(name), words)), "")

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
    answers: Mapping[str, Answer] = NOBODY.answers,
) -> Provided:
    """What these distributions bring, and those of an image: `kernel` says whether what a kernel needs counts, too.

    `complete` says that all are named, `extras` are those of which more is asked for, `brought` what conda packages need besides,
    `answers` what indexes said of distributions that no table has.
    """
    asked = expanded((of_pypi(name) if conda else name for name in names), answers, extras)
    of_kernel = KERNEL_PACKAGES if kernel else ()
    of_image = {*of_kernel, *(SERVER_PACKAGES if server else ()), *(OF_CONDA if conda else ())}
    under_extras = {other for name in extras for other in optional().get(name, ())}
    there = {*asked, *brought}
    there |= {other for name in there for other in needed_until_lately().get(name, ())}
    needed = closure(of_image | there)
    found = needed | closure(under_extras)
    modules = {module for name in found for module in modules_of(name)} | OF_IPYTHON
    modules |= {module for name in asked if name in answers for module in answers[name].modules}
    modules |= {module for module, row in renamed_modules().items() if row.split()[0] in needed}
    # Who is asked for by name, and known by nothing else, has that name as most do; nothing more is taken from it.
    modules |= {name.replace("-", "_") for name in there if not modules_of(name)}
    unknown = [name for name in asked if name not in distributions() and not is_no_python(name, conda=conda)]
    if complete:
        unknown = [name for name in unknown if not modules_of(name)]
    elif not vague and (
        gap := next((name for name, row in needed.items() if row is None and name not in answers), "")
    ):
        vague = f"`{gap}`"
    return Provided(
        modules=frozenset(modules),
        unknown=tuple(sorted(name for name in unknown if name not in answers)),
        nameless=tuple(sorted(name for name in unknown if name in answers and not answers[name].modules)),
        vague=vague,
    )


def modules_of(name: str) -> tuple[str, ...]:
    """Empty where that is not known."""
    row = distributions().get(name)
    return row.modules if row and row.modules else _others().get(name, ())


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
def needed_until_lately() -> Mapping[str, Sequence[str]]:
    """What all but the newest releases of distributions need."""
    needed: Mapping[str, Sequence[str]] = _table("removed_names.toml")["needed-until-lately"]
    return needed


@cache
def renamed_modules() -> Mapping[str, str]:
    """Old names of modules: their distribution, the first release without that name, and the new one."""
    renamed: Mapping[str, str] = _table("removed_names.toml")["renamed"]
    return renamed


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
    for module, row in renamed_modules().items():
        found.setdefault(module, []).append(row.split()[0])
    return found


@cache
def _usual() -> frozenset[str]:
    """Of several with one module, those that are meant where nothing else is said."""
    return frozenset(names()["replaced"].values())


@cache
def names() -> Mapping[str, Mapping[str, str]]:
    """Names that are not those of a distribution, and what is meant: `replaced`, `elsewhere`, `standard`, `of-conda`."""
    return _table("names.toml", package="r2i.diagnosis") | _table("conda_names.toml")


def is_misnamed(name: str) -> bool:
    """Whether no distribution that anybody wants has this name: the index has nothing there, or another thing than is meant."""
    return (name in names()["replaced"] or name in names()["standard"]) and name not in names()["of-pypi"]


def _table(file: str, *, package: str = "r2i.check.facts") -> dict[str, Any]:
    return read_table(package, file)


def _rows(text: str) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(rest.split()) for name, _, rest in (line.partition(":") for line in text.splitlines())
    }


#: Words that say nothing of what a distribution has.
COMMON_WORDS = frozenset({"python", "py", "lib", "tools", "utils", "toolkit", "core", "the", "for"})
SHORTEST_WORD = 3


def _words(name: str) -> set[str]:
    """Those of a name, and the name as one word: `scikit-build` is `scikit`, `build` and `scikitbuild`."""
    parts = re.split(r"[-_.\d]+", name.lower())
    return {part for part in (*parts, "".join(parts)) if part and part not in COMMON_WORDS}


def _alike(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a word is a part of another one."""
    return any(
        one == other or (min(len(one), len(other)) >= SHORTEST_WORD and (one in other or other in one))
        for one in some
        for other in others
    )


def beginnings(module: str) -> list[str]:
    """`a.b.c`, `a.b`, `a`."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
