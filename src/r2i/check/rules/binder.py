"""F40: what r2i builds and mybinder.org, whose builder is repo2docker, does not read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from packaging.version import Version

from r2i.buildpacks import ENVIRONMENTS
from r2i.check.facts.provided import Provided, modules_of, of_pypi
from r2i.check.findings import Finding, Rule
from r2i.check.imports import all_imports, is_imported
from r2i.check.on_binder import binder, default_python, python_of_binder
from r2i.check.optional_uses import distributions_of, optional_uses
from r2i.check.rules.runtime import how_to_ask, in_environment
from r2i.check.scripts import scripts
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.check.unheard import OF_ENVIRONMENT
from r2i.check.wording import named
from r2i.edits.fixes import Edit, Fix
from r2i.errors import R2iError
from r2i.facts.python_wheels import Limit, limits_of
from r2i.facts.tables import read_table
from r2i.formats.language_versions import minor_of
from r2i.formats.requirements.lines import Line
from r2i.image import version_tuple
from r2i.model import Detection

#: In the order in which it looks for them, beside the packages in the root.
READ = OF_ENVIRONMENT
PACKAGES = ("setup.py", "pyproject.toml")

#: Whose first dependency names the Python.
CONDA_FILES = (".yml", ".yaml")

#: The only file of Nix that it reads.
OF_NIX = "default.nix"

#: The tables of a `pyproject.toml` without which it takes it for settings of tools.
OF_PACKAGE = ("project", "build-system")

#: Distributions that have no sources in the package index.
WHEELS_ONLY = frozenset(
    {"jaxlib", "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "torch", "torchaudio", "torchvision"}
)


def _reads_another_file(subject: Subject) -> Iterator[Finding]:
    decides, instead = unread(subject), _read_by_binder(subject)
    if decides and instead and not _missing(subject, decides, instead):
        yield Finding(
            message=f"mybinder.org does not read `{decides}`; it installs the packages in `{instead}`",
            file=decides,
            hint=f"Update `{instead}` whenever `{decides}` changes",
        )


def _reads_nothing(subject: Subject) -> Iterator[Finding]:
    decides, instead = unread(subject), _read_by_binder(subject)
    made = binder(subject)
    if decides is None or (made is not None and made.default):
        return  # F109 says more
    missing = _missing(subject, decides, instead) if instead else []
    installed = re.compile(
        rf"pip3? install[^\n;&|]*[ \t](?:\./|\$\{{?\w+\}}?/)?{re.escape(posixpath.dirname(decides) or '.')}/?(?:\[|[ \t;&|]|$)",
        re.MULTILINE,
    )
    if (instead and not missing) or any(
        posixpath.basename(decides) in script.text or installed.search(script.text)
        for script in subject.once(scripts)
    ):
        return
    yield Finding(
        message=f"mybinder.org does not read `{decides}`; it uses `{instead}`, which lacks {named(missing)}"
        if instead
        else f"mybinder.org does not read `{decides}`, and installs none of its packages",
        file=decides,
        hint=f"Add the missing packages to `{instead}`" if instead else how_to_be_read(subject, decides),
        severity="info" if missing and not _is_any_needed(subject, missing) else None,
    )


def _is_any_needed(subject: Subject, names: Iterable[str]) -> bool:
    """Whether code imports one of them, or calls what does, as far as their modules are known."""
    imports = frozenset(all_imports(subject))
    known = [of_pypi(name) for name in names]
    if any(not modules_of(name) or is_imported(name, imports) for name in known):
        return True
    called = {
        name for use in optional_uses(subject, Provided(frozenset())) for name in distributions_of(use.module)
    }
    return not called.isdisjoint(known)


def unread(subject: Subject) -> str | None:
    """The file that defines the environment, where it is none that mybinder.org would take."""
    environment = subject.environment
    if subject.opaque:
        return None if posixpath.basename(subject.opaque) == OF_NIX else subject.opaque
    if (
        environment is None
        or not environment.defined_by
        or not (environment.names or environment.install.local)
    ):
        return None
    path = environment.defined_by
    same = {path, f"{path}.lock", path.removesuffix(".lock")}
    if posixpath.basename(path) in PACKAGES:
        same |= {*PACKAGES}
    if environment.buildpack == "pixi":
        same.clear()
    return None if _read_by_binder(subject) in same else path


def _read_by_binder(subject: Subject) -> str | None:
    found = next((path for name in READ if (path := subject.config(name))), None)
    if found or subject.config_dir:
        return found
    return next((name for name in PACKAGES if subject.config(name) and _is_package(subject, name)), None)


def _is_package(subject: Subject, name: str) -> bool:
    return name == "setup.py" or all(table in _manifest(subject, name) for table in OF_PACKAGE)


def _manifest(subject: Subject, path: str) -> Mapping[str, object]:
    try:
        return subject.checkout.read_toml(path)
    except R2iError:
        return {}


def _missing(subject: Subject, decides: str, instead: str) -> list[str]:
    """What is asked for and mybinder.org would not install; of what a lock holds, that is what it was made for."""
    given = _detected(subject, instead)
    if given is None or given.environment is None:
        return []
    names = {of_pypi(name) for name in given.environment.names}
    return [name for name in _wanted(subject, decides) if of_pypi(name) not in names]


def _wanted(subject: Subject, decides: str) -> list[str]:
    from r2i.formats.conda_locks.pixi_manifest import find_manifest, read_manifest
    from r2i.formats.projects.reading import read_project

    environment = subject.environment
    assert environment is not None  # noqa: S101 - it has a file that decides
    try:
        if environment.buildpack == "pixi" and (path := find_manifest(subject.checkout)):
            pixi = read_manifest(subject.checkout, path)
            specs = [spec.name for spec, _ in pixi.conda if spec.name != "python"]
            return [*specs, *_named(pixi.pypi)]
        if environment.exact:
            found = read_project(subject.checkout, posixpath.dirname(decides))
            return _named(found[0].dependencies or ()) if found else []
    except R2iError:
        return []
    return [*environment.names]


def _named(lines: Iterable[Line]) -> list[str]:
    """Names without those that are for another system."""
    from r2i.formats.projects.project import distribution

    return [
        name
        for line in lines
        if (name := distribution(line)) and not re.search(r"win32|darwin|Windows|Darwin", line.text)
    ]


def _detected(subject: Subject, path: str) -> Detection | None:
    """What r2i would take from a file if it were the one that decides."""
    for pack in reversed(ENVIRONMENTS):  # of those that read `pyproject.toml`, the one for packages
        if posixpath.basename(path) in pack.files and subject.checkout.has(path):
            try:
                return pack.detect(subject.checkout, subject.options)
            except R2iError:
                return None
    return None


def how_to_be_read(subject: Subject, decides: str) -> str | None:
    """What makes mybinder.org install what the file asks for."""
    lacking = [f"`[{name}]`" for name in OF_PACKAGE if name not in _manifest(subject, decides)]
    if decides == "pyproject.toml" and lacking:
        tables = f"the table{'s' if lacking[1:] else ''} {' and '.join(lacking)}"
        return f"Add {tables}, or also list the packages in `requirements.txt`"
    name = posixpath.basename(decides)
    return next((hint for pattern, hint in _instead().items() if fnmatchcase(name, pattern)), None)


@cache
def _instead() -> Mapping[str, str]:
    table: Mapping[str, str] = read_table("r2i.check.facts", "formats.toml")["instead"]
    return table


def _python_version(subject: Subject) -> Iterator[Finding]:
    python = subject.plan.python if subject.plan else None
    path = subject.config(".python-version")
    if python is None or path is None or python.evidence.file != path:
        return
    read = _read_by_binder(subject)
    minor = minor_of(python.version)
    if minor == default_python() or (
        read and posixpath.basename(read) not in ("requirements.txt", *PACKAGES)
    ):
        return
    title = f"Write `python-{minor}` into `{subject.config_path('runtime.txt')}`"
    yield Finding(
        message=f"mybinder.org does not read `{path}`, and does not use Python {minor}",
        file=path,
        line=python.evidence.line,
        hint=title,
        fix=_runtime(subject, minor, title),
    )


def _runtime(subject: Subject, minor: str, title: str) -> Fix | None:
    """A new `runtime.txt`."""
    path = subject.config_path("runtime.txt")
    made = Edit(file=path, start=0, end=0, text=f"python-{minor}\n".encode())
    return None if subject.checkout.has(path) else Fix(title=title, edits=(made,))


@dataclass(frozen=True, kw_only=True)
class PinForOther:
    """A pin that the Python of mybinder.org has no wheel of, where r2i takes another one."""

    limit: Limit
    taken: str
    wanted: str
    wheels_only: bool

    @property
    def is_refused(self) -> bool:
        """Whether there is nothing to compile, or the Python is older than all that the release is for (`Requires-Python`)."""
        return self.wheels_only or all(Version(self.taken) < Version(minor) for minor in self.limit.minors)

    def finding(self, subject: Subject, then: str) -> Finding:
        path = subject.environment.defined_by if subject.environment else ""
        title = f"Write `python-{self.wanted}` into `{subject.config_path('runtime.txt')}`"
        fix = _runtime(subject, self.wanted, title)
        if path.endswith(CONDA_FILES):  # beside which `runtime.txt` does not count
            title, fix = how_to_ask(subject, path, self.wanted), in_environment(subject, path, self.wanted)
            if any(one.name == "python" for one in subject.declared):
                title = f"Require `python={self.wanted}` in `{path}`"
        return Finding(
            message=f"mybinder.org takes Python {self.taken}, but {self.limit.evidence.why}: {then}",
            file=self.limit.evidence.file,
            line=self.limit.evidence.line,
            hint=title,
            fix=fix,
        )


def _pins_without_release(subject: Subject) -> Iterator[Finding]:
    return _together(subject, "F404", "the installation fails", refused=True)


def _pins_without_wheel(subject: Subject) -> Iterator[Finding]:
    return _together(subject, "F405", "pip compiles it, which most likely fails", refused=False)


def _together(subject: Subject, code: str, then: str, *, refused: bool) -> Iterator[Finding]:
    """One finding for all pins that the same Python mends, at the first."""
    found: dict[str, list[PinForOther]] = {}
    for pin in _of_another_python(subject):
        if pin.is_refused == refused:
            evidence = pin.limit.evidence
            alone = subject.is_ignored(code, evidence.file, evidence.line)
            found.setdefault(f"{pin.wanted} {evidence.line if alone else ''}", []).append(pin)
    for pins in found.values():
        more = len(pins) - 1
        also = f" (also {more} more pin{'s' if more > 1 else ''})" if more else ""
        yield pins[0].finding(subject, f"{then}{also}")


def _of_another_python(subject: Subject) -> Iterator[PinForOther]:
    environment, plan, taken = subject.environment, subject.plan, python_of_binder(subject)
    if environment is None or plan is None or plan.python is None or taken is None:
        return
    wanted, pins = minor_of(plan.python.version), environment.pins
    if wanted == taken and environment.manager != "conda":
        return
    if environment.manager == "conda":  # of conda packages another table would tell
        by_pip = {one.name for one in subject.declared if one.installer == "pip"}
        pins = tuple(pin for pin in pins if pin.name in by_pip)
    elif posixpath.basename(environment.defined_by) != "requirements.txt":
        return
    if _read_by_binder(subject) != environment.defined_by:
        return
    for pin in pins:
        for limit in limits_of([pin]):
            if taken not in limit.minors:
                right = wanted if wanted in limit.minors else max(limit.minors, key=version_tuple)
                yield PinForOther(limit=limit, taken=taken, wanted=right, wheels_only=pin.name in WHEELS_ONLY)


RULES = (
    Rule(
        code="F401",
        name="binder-reads-another-file",
        severity="info",
        why="mybinder.org does not support this format, and uses another file with the same packages.",
        find=_reads_another_file,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F402",
        name="not-read-by-binder",
        severity="warning",
        why="r2i builds it, but mybinder.org does not support this format, and ignores it silently.",
        find=_reads_nothing,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F403",
        name="python-version-not-read",
        severity="warning",
        why="mybinder.org does not read this file, and uses its default Python version.",
        find=_python_version,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F404",
        name="no-release-for-python",
        severity="error",
        why="mybinder.org uses Python 3.10 unless a file that it reads names another version, and pip then finds no such release.",
        find=_pins_without_release,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F405",
        name="no-wheel-for-python",
        severity="warning",
        why="mybinder.org uses Python 3.10 unless a file that it reads names another version; old sources rarely compile there.",
        find=_pins_without_wheel,
        targets=BINDER_ONLY,
    ),
)
