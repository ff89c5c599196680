"""`--rescue`: which change to try next after a failure, and the files that make the changes permanent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from r2i.checkout import Checkout
from r2i.model import Change, Diagnosis, Options, Plan
from r2i.requirements.specifiers import normalised

#: More than a few changes are another environment.
MOST_CHANGES = 4

#: What counts as it is in `binder/`, too.
MOVABLE = (
    "apt.txt",
    "runtime.txt",
    ".python-version",
    "postBuild",
    "start",
    "environment.yml",
    "environment.yaml",
)

REQUIREMENT = re.compile(
    r"(?P<before>\s*(?:- +)?[\"']?)(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)[^;#\"']*(?P<after>(?:;[^#\"']*)?[\"']?\s*(?:#.*)?)"
)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A change that was made, and the failure that it mended: what it was, and the line that asked for it."""

    change: Change
    why: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Lasting:
    """Files below the root with their new text, by path; `unkept` are the changes that no file can hold, in words."""

    files: Mapping[str, str] = field(default_factory=dict)
    unkept: tuple[str, ...] = ()


def next_change(found: Diagnosis, tried: Iterable[Change], given: Options, *, dated: bool) -> Change | None:
    """The smallest one that was not tried; what the user asked for by an option is not put aside."""
    return next(
        (
            change
            for change in found.changes
            if change not in {*tried}
            and not (change.option == "python" and given.python is not None)
            and not (change.option == "as-of" and dated)
            and not (change.option == "replace" and change.value.partition("=")[0] in given.replace)
        ),
        None,
    )


def with_change(options: Options, change: Change) -> Options:
    """The options with one more; a date is for whoever can ask git."""
    match change.option:
        case "python":
            return replace(options, python=change.value)
        case "apt":
            return replace(options, apt=tuple(dict.fromkeys((*options.apt, *change.value.split()))))
        case "replace":
            old, _, new = change.value.partition("=")
            return replace(options, replace={**options.replace, old: new})
        case "installer":
            return replace(options, installer="pip")
        case "as-of" | "require" | "post-build":
            return options


def in_effect(made: Iterable[Made]) -> tuple[Made, ...]:
    """Of several Pythons the last counts."""
    made = tuple(made)
    last = next((each for each in reversed(made) if each.change.option == "python"), None)
    return tuple(each for each in made if each.change.option != "python" or each is last)


def lasting(checkout: Checkout, made: Iterable[Made], *, directory: str, defined_by: str) -> Lasting:
    """What to write where for the changes to hold for everybody. `directory` is where the configuration is to be.

    Where that is new, the configuration of the root would no longer count: it goes along.
    """
    files: dict[str, str] = {}
    unkept: list[str] = []
    for each in made:
        match each.change.option:
            case "replace":
                text = _line_replaced(checkout, each, files)
                if text is None:
                    unkept.append(_in_words(each))
                elif each.file is not None:
                    files[each.file] = text
            case "python" | "apt":
                _add(checkout, files, each.change, directory=directory)
            case "require" | "post-build":  # of notebooks, which are not rescued
                pass
            case "as-of" | "installer":
                unkept.append(
                    f"`{' '.join(each.change.arguments)}` stands in no file: build with it, or name the releases that it found"
                )
    new = directory and directory != checkout.config_dir
    if new and any(path.startswith(f"{directory}/") for path in files):
        files |= {
            path: text for path, text in carried(checkout, directory, defined_by).items() if path not in files
        }
    return Lasting(files=files, unkept=tuple(unkept))


def directory_for(checkout: Checkout, defined_by: str) -> str:
    """Where the configuration belongs: where it is, else in `binder/`; in the root where that cannot be moved."""
    if checkout.config_dir:
        return checkout.config_dir
    return "binder" if not defined_by or defined_by in {"requirements.txt", *MOVABLE} else ""


def carried(checkout: Checkout, directory: str, defined_by: str) -> dict[str, str]:
    """The configuration of the root as it has to be in a new directory."""
    files = {f"{directory}/{name}": checkout.read(name) for name in MOVABLE if checkout.has(name)}
    if defined_by == "requirements.txt":
        files[f"{directory}/requirements.txt"] = "-r ../requirements.txt\n"
    return files


def essence(plan: Plan) -> tuple[object, ...]:
    """What two plans have to share to be the same build, wherever their files lie."""
    layers = [layer for layer in plan.layers if layer.template != "final"]
    packages = {word for layer in layers for word in _words(layer.variables.get("packages"))}
    lines = {
        line
        for layer in layers
        for text in layer.support.values()
        for line in text.splitlines()
        if not line.startswith(("-r ", "-c "))
    }
    local = {str(layer.variables.get("local", "")) for layer in layers}
    templates = [layer.template for layer in layers]
    return (
        plan.python and plan.python.version,
        packages,
        lines,
        local,
        templates,
        "R2D_ENTRYPOINT" in plan.variables,
    )


def _words(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _add(checkout: Checkout, files: dict[str, str], change: Change, *, directory: str) -> None:
    name = "apt.txt" if change.option == "apt" else "runtime.txt"
    path = f"{directory}/{name}" if directory else name
    known = checkout.config(name)
    text = files.get(path) or (checkout.read(known) if known else "")
    if text and not text.endswith("\n"):
        text += "\n"
    if change.option == "apt":
        present = {line.partition("#")[0].strip() for line in text.splitlines()}
        text += "".join(f"{package}\n" for package in change.value.split() if package not in present)
    else:
        others = [
            line for line in text.splitlines(keepends=True) if not line.strip().lower().startswith("python-")
        ]
        text = "".join([f"python-{change.value}\n", *others])
    files[path] = text


def _line_replaced(checkout: Checkout, made: Made, files: Mapping[str, str]) -> str | None:
    """The file with the requirement of one line replaced; None where the file is not made of such lines."""
    if made.file is None or made.line is None or not made.file.endswith((".txt", ".in", ".yml", ".yaml")):
        return None
    old, _, new = made.change.value.partition("=")
    lines = (files.get(made.file) or checkout.read(made.file)).splitlines(keepends=True)
    if made.line > len(lines):
        return None
    line = lines[made.line - 1]
    match = REQUIREMENT.fullmatch(line.rstrip())
    if match is None or normalised(match["name"]) != normalised(old):
        return None
    lines[made.line - 1] = (
        f"{match['before']}{new}{_spaced(match['after'].strip())}\n" if new else f"# {line}"
    )
    return "".join(lines)


def _spaced(after: str) -> str:
    return f" {after}" if after.startswith((";", "#")) else after


def _in_words(made: Made) -> str:
    old, _, new = made.change.value.partition("=")
    where = f" in `{made.file}`" if made.file else ""
    return f"write `{new}` instead of `{old}`{where}" if new else f"take `{old}` out{where}"
