"""Which of the files that declare a Python environment defines it, and what is to be said of those that lose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from r2i.buildpacks import ENVIRONMENTS
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.formats.as_of import EXACT
from r2i.formats.projects.local import with_local_projects
from r2i.model import Detection, Ignored, Notice, Options, Pin, PythonEnvironment


def declared_environment(checkout: Checkout, options: Options) -> PythonEnvironment | None:
    """What the repository's files say of its Python environment; None where it has a `Dockerfile` of its own."""
    return None if checkout.config("Dockerfile") else detect_environment(checkout, options).environment


def detect_environment(checkout: Checkout, options: Options) -> Detection:
    """The one definition of the Python environment that wins, with what is to be said of those that lose."""
    packs = iter(ENVIRONMENTS)
    environment = PythonEnvironment(buildpack="image", defined_by="")
    won = Detection(environment=environment)
    ignored: list[Ignored] = []
    notices: list[Notice] = []
    for pack in packs:
        found = pack.detect(checkout, options)
        if found is None:
            continue
        found = with_local_projects(found, checkout, options)
        ignored += found.ignored
        notices += found.notices
        if found.environment is not None:  # there is none where its files do not count, after all
            won, environment = found, found.environment
            break
    used = {environment.defined_by, *(evidence.file for evidence in environment.evidence)}
    for pack in packs:
        files = [path for name in pack.files if (path := checkout.config(name)) and path not in used]
        if not files:
            continue
        try:
            lost = pack.detect(checkout, options)
        except R2iError:
            pass  # what is not used need not be right
        else:
            if lost is None or lost.environment is None:
                continue  # nothing is declared there
            notices += () if environment.opaque else _differences(environment, lost.environment)
        ignored += [_beaten(path, environment) for path in files]
    return replace(won, ignored=tuple(dict.fromkeys(ignored)), notices=tuple(notices))


def _beaten(path: str, environment: PythonEnvironment) -> Ignored:
    if environment.opaque:
        return Ignored(file=path, reason=f"`{environment.defined_by}` defines the environment")
    return Ignored.beaten(path, by=environment.defined_by)


def _differences(won: PythonEnvironment, lost: PythonEnvironment) -> Iterable[Notice]:
    """A file that loses and asks for something else may be the one that its author keeps up to date."""
    installs_itself = any(word == "." or word.startswith(".[") for word in won.install.local)
    missing = [name for name in lost.names if name not in won.names]
    # What a package here needs comes with it.
    if missing and won.names and not (installs_itself and "." in lost.install.local):
        names = ", ".join(f"`{name}`" for name in missing[:5]) + (" …" if len(missing) > 5 else "")
        yield Notice(
            level="warning",
            message=f"{names}: requested here, but `{won.defined_by}` defines the environment and does not name"
            f" {'it' if len(missing) == 1 else 'them'}",
            file=lost.defined_by,
            line=lost.names[missing[0]].line,
        )
    if different := [*_different(won.pins, lost.pins)]:
        ours, theirs = different[0]
        more = f", the first of {len(different)} that differ" if len(different) > 1 else ""
        yield Notice(
            level="warning",
            message=f"`{theirs.name}{theirs.specifier}`: requested here, but `{won.defined_by}` defines the environment"
            f" and has `{ours.name}{ours.specifier}`{more}",
            file=theirs.evidence.file,
            line=theirs.evidence.line,
        )
    if "." in lost.install.local and not installs_itself:
        yield Notice(
            level="warning",
            message=f"The package of the repository is not installed: `{won.defined_by}` defines the environment and has no `-e .`",
            file=lost.defined_by,
        )


def _different(won: Iterable[Pin], lost: Iterable[Pin]) -> Iterable[tuple[Pin, Pin]]:
    """Pins of the same name of which one names a version that the other does not allow."""
    ours: dict[str, list[Pin]] = {}  # a project that the file installs may ask for the same again
    for pin in won:
        if not pin.marker:
            ours.setdefault(pin.name, []).append(pin)
    for theirs in lost:
        for mine in ours.get(theirs.name, ()) if not theirs.marker else ():
            if _excludes(mine, theirs) or _excludes(theirs, mine):
                yield mine, theirs
                break


def _excludes(one: Pin, other: Pin) -> bool:
    if one.specifier == other.specifier or not EXACT.fullmatch(other.specifier):
        return False
    from packaging.specifiers import SpecifierSet

    try:
        return not SpecifierSet(one.specifier).contains(other.specifier.lstrip("= "), prereleases=True)
    except ValueError:  # `===` takes any word
        return False
