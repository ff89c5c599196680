"""About what an image will weigh, from the plan and tables: nothing is asked of an index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, TypeAlias

from packaging.version import Version

from r2i.buildpacks.apt_names import TIME64
from r2i.check.facts.distributions import Distribution, distributions
from r2i.check.subject import Subject
from r2i.facts.tables import read_table
from r2i.model import Evidence, Layer, Plan, PythonEnvironment

#: Layers whose packages are the Python environment.
ENVIRONMENTS = frozenset({"environment", "locked", "conda", "conda_lock"})

#: Layers with packages that no table has.
UNMEASURED = frozenset({"r_packages", "julia_packages", "nix_environment"})

#: What a pinned release may be at most.
BOUND = re.compile(r"(?<![<>!~=])(={2,3}|<=?) ?(\d+(?:\.\d+)*)")

NO_GPU = re.compile(r"/whl/cpu\b|\btorch==[^\s;]*\+cpu\b")


@dataclass(frozen=True, kw_only=True)
class SizePart:
    """Something that the image is made of, in bytes: to download, and in the image.

    Of a package that is everything it needs and no part before it brought. `evidence` says who asks for it.
    """

    name: str
    download: int
    unpacked: int
    evidence: Evidence | None = None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The parts, the largest first, and what nobody knows the size of.

    `packages` counts those of the Python environment and of `apt.txt` that the size is known of, also those that
    others need; `unknown` are the others, by name. `unmeasured` are files whose packages nobody knows the size of: those
    of R and Julia.
    """

    parts: tuple[SizePart, ...]
    packages: int = 0
    unknown: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()

    @property
    def download(self) -> int:
        return sum(part.download for part in self.parts)

    @property
    def unpacked(self) -> int:
        return sum(part.unpacked for part in self.parts)

    @property
    def sentence(self) -> str:
        """`about 1.9 GB unpacked, 620 MB to download, 2 packages unknown (`a`, `b`), without the packages of `c`."""
        known = f"about {spoken_size(self.unpacked)} unpacked, {spoken_size(self.download)} to download"
        if self.unknown:
            number, few = len(self.unknown), ", ".join(f"`{name}`" for name in self.unknown[:3])
            packages = "package" if number == 1 else "packages"
            known += f", {number} {packages} unknown ({few}{', …' if number > 3 else ''})"
        if self.unmeasured:
            known += f", without the packages of {' and '.join(f'`{file}`' for file in self.unmeasured)}"
        return known


def forecast_of(subject: Subject) -> Forecast | None:
    """About what the image will weigh; None where that cannot be said."""
    if subject.plan is None:
        return None
    return forecast(subject.plan, subject.environment, repository=sum(subject.tracked.values()))


def forecast(plan: Plan, environment: PythonEnvironment | None, *, repository: int) -> Forecast | None:
    """None where the repository's own `Dockerfile` says what is in the image. `repository` is its size in bytes."""
    if plan.dockerfile is not None:
        return None
    packages, found = _Packages(), [SizePart(name="the repository", download=0, unpacked=repository)]
    found += _fixed("the base image", "base")
    for layer in plan.layers:
        if layer.template in ("toolchain", "apt"):
            found += packages.of_debian(layer)
        elif layer.template in ENVIRONMENTS:
            found += packages.of_python(layer, environment)
        elif layer.template == "julia":
            found.append(_of_julia(layer))
        found += _fixed(*LAYERS.get(layer.template, ("", "")))
    unmeasured = [
        layer.evidence[0].file
        for layer in plan.layers
        if layer.template in UNMEASURED and layer.evidence[0].file
    ]
    return Forecast(
        parts=tuple(sorted(found, key=lambda part: -part.unpacked)),
        packages=packages.known,
        unknown=tuple(sorted(packages.unknown)),
        unmeasured=tuple(dict.fromkeys(unmeasured)),
    )


#: What is always of one size, by template: what to call it, and where it is in `sizes.toml`.
LAYERS = {
    "system": ("the system", "system"),
    "jupyter": ("the Jupyter server", "jupyter"),
    "interpreter": ("Python", "interpreter"),
    "conda_interpreter": ("Python", "conda"),
    "conda": ("Python", "conda"),
    "conda_lock": ("Python", "conda"),
    "r": ("R", "r"),
}


def spoken_size(size: int) -> str:
    """`1.9 GB`, `620 MB`: no more digits than an estimate has."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        number = size / unit
        if number >= 99.5:
            return f"{round(number, -1):.0f} {name}"
        if number >= 0.995:
            return f"{number:.2g} {name}"
    return f"{size} bytes"


def _fixed(name: str, key: str) -> Iterator[SizePart]:
    if key:
        download, unpacked = _sizes()["layers"][key]
        yield SizePart(name=name, download=download * 1000, unpacked=unpacked * 1000)


def _of_julia(layer: Layer) -> SizePart:
    version = Version(str(layer.variables["version"]))
    sizes = [row["sizes"] for row in _sizes()["julia"] if version >= Version(row["since"])]
    download, unpacked = sizes[-1]
    return SizePart(name="Julia", download=download * 1000, unpacked=unpacked * 1000)


@dataclass(frozen=True)
class _Row:
    """A package in bytes to download and in the image, and what else it needs."""

    download: int
    unpacked: int
    needs: tuple[str, ...]


Rows: TypeAlias = Callable[[str], _Row | None]


class _Packages:
    """What was counted already, and what could not be."""

    def __init__(self) -> None:
        self.known = 0
        self.debian: set[str] = set()
        self.unknown: set[str] = set()

    def of_debian(self, layer: Layer) -> Iterator[SizePart]:
        lines = {evidence.why: evidence for evidence in layer.evidence}
        asked = {
            re.split("[:=/]", spec)[0]: lines.get(f"`{spec}`", layer.evidence[0])
            for spec in _words(layer, "packages")
        }
        yield from self._parts(asked, _of_debian, self.debian)

    def of_python(self, layer: Layer, environment: PythonEnvironment | None) -> Iterator[SizePart]:
        seen: set[str] = set()
        if environment is not None:
            yield from self._of_environment(environment, seen)
        names = [re.split("[<>=!~]", word)[0].replace("_", "-") for word in _words(layer, "packages")]
        rows = self._counted(names, _of_python, seen)
        yield SizePart(name="the kernel", download=_download(rows), unpacked=_unpacked(rows))

    def _of_environment(self, environment: PythonEnvironment, seen: set[str]) -> Iterator[SizePart]:
        """By the names of distributions: conda has several packages with one (`tensorflow`, `tensorflow-base`)."""
        table = _conda_names() if environment.manager == "conda" else {}
        said: dict[str, str] = {}
        for name in environment.names:
            said.setdefault(table.get(name, name), name)
        asked = {name: environment.names[own] for name, own in said.items()}
        for part in self._parts(asked, _rows_of(environment), seen):
            yield replace(part, name=said[part.name])
        self.unknown = {said.get(name, name) for name in self.unknown}

    def _parts(self, asked: Mapping[str, Evidence], row: Rows, seen: set[str]) -> Iterator[SizePart]:
        """One for each that is asked for, the heaviest first: what several need is counted with that."""
        alone = {name: _unpacked(_closure([name], row, set())[0]) for name in asked}
        for name in sorted(asked, key=lambda name: -alone[name]):
            rows = self._counted([name], row, seen)
            if _unpacked(rows):
                yield SizePart(
                    name=name, download=_download(rows), unpacked=_unpacked(rows), evidence=asked[name]
                )

    def _counted(self, names: Iterable[str], row: Rows, seen: set[str]) -> list[_Row]:
        rows, unknown = _closure(names, row, seen)
        self.known += len(rows)
        self.unknown |= unknown
        return rows


def with_debian_packages(names: Iterable[str]) -> frozenset[str] | None:
    """These packages with all that they need; None where one of them is not known."""
    seen: set[str] = set()
    _, unknown = _closure(names, _of_debian, seen)
    return None if unknown else frozenset(seen)


def _words(layer: Layer, variable: str) -> list[str]:
    value = layer.variables.get(variable, ())
    return [str(word) for word in value] if isinstance(value, tuple) else []


def _closure(names: Iterable[str], row: Rows, seen: set[str]) -> tuple[list[_Row], set[str]]:
    pending, rows, unknown = list(names), [], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if found := row(name):
            rows.append(found)
            pending += found.needs
        else:
            unknown.add(name)
    return rows, unknown


def _download(rows: Iterable[_Row]) -> int:
    return sum(row.download for row in rows)


def _unpacked(rows: Iterable[_Row]) -> int:
    return sum(row.unpacked for row in rows)


def _rows_of(environment: PythonEnvironment) -> Rows:
    of_python = _without_gpu if _has_no_gpu(environment) else partial(_of_release, environment)

    def row(name: str) -> _Row | None:
        found = of_python(name)
        return replace(found, needs=()) if found and environment.exact else found

    return row


def _of_python(name: str) -> _Row | None:
    found = distributions().get(name)
    return _row(found) if found else None


def _of_release(environment: PythonEnvironment, name: str) -> _Row | None:
    row, old = _of_python(name), _older(environment, name)
    if row is None or old is None:
        return row
    packed, unpacked, python = (size * 1000 for size in old["sizes"])
    needless = tuple(_sizes()["without-gpu"]["needless"])
    needs = tuple(name for name in row.needs if not name.startswith(needless))
    return _Row(packed, _with_bytecode(unpacked, python), needs)


def _older(environment: PythonEnvironment, name: str) -> dict[str, Any] | None:
    """The entry of an old release, where the environment asks for one."""
    bounds = [
        match for pin in environment.pins if pin.name == name for match in BOUND.finditer(pin.specifier)
    ]
    for entry in _sizes()["older"].get(name, ()) if bounds else ():
        first = Version(entry["before"])
        if any(
            Version(of) < first or (sign == "<" and Version(of) == first)
            for sign, of in (m.groups() for m in bounds)
        ):
            found: dict[str, Any] = entry
            return found
    return None


def _without_gpu(name: str) -> _Row | None:
    table, row = _sizes()["without-gpu"], _of_python(name)
    if row is None:
        return None
    if name in table:
        packed, unpacked, python = (size * 1000 for size in table[name])
        row = _Row(packed, _with_bytecode(unpacked, python), row.needs)
    needless = tuple(table["needless"])
    return replace(row, needs=tuple(name for name in row.needs if not name.startswith(needless)))


def _has_no_gpu(environment: PythonEnvironment) -> bool:
    """Whether it says that it wants PyTorch without CUDA; a lock does so by not having CUDA's libraries."""
    if environment.exact or environment.manager == "conda":
        return not any(name.startswith("nvidia-") for name in environment.names)
    texts = [*environment.install.support.values(), *environment.install.options]
    return any(NO_GPU.search(text) for text in texts)


def _row(found: Distribution) -> _Row:
    return _Row(found.packed, _with_bytecode(found.unpacked, found.python), found.requires)


def _with_bytecode(unpacked: int, python: int) -> int:
    return unpacked + int(python * _sizes()["bytecode"]["factor"])


def _sizes() -> dict[str, Any]:
    return read_table("r2i.check.facts", "sizes.toml")


def _conda_names() -> dict[str, str]:
    names: dict[str, str] = read_table("r2i.check.facts", "conda_names.toml")["of-pypi"]
    return names


def _of_debian(name: str) -> _Row | None:
    """The table is of a release that marks some libraries; who asks without the mark gets them, too."""
    return _debian().get(name) or _debian().get(f"{name}{TIME64}")


@cache
def _debian() -> dict[str, _Row]:
    rows = {}
    for line in read_table("r2i.check.facts", "apt_sizes.toml")["packages"].splitlines():
        name, download, unpacked, needs = line.split("|")
        rows[name.strip()] = _Row(int(download) * 1000, int(unpacked) * 1000, tuple(needs.split()))
    return rows


def smaller(environment: PythonEnvironment | None) -> Mapping[str, str]:
    """How less is asked for than these."""
    old = {name: _older(environment, name) for name in _sizes()["older"]} if environment else {}
    small = {name for name, entry in old.items() if entry and entry.get("cpu")}
    return {name: hint for name, hint in _sizes()["smaller"].items() if name not in small}
