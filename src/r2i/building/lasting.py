"""What makes the changes of a rescue permanent: fixes of the repository's files that lead to the same plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from r2i.building.rescue import Made
from r2i.building.rescuing import with_changes
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.checkout.overlay import overlay
from r2i.edits.applying import Changes, changed, line_edit, line_text
from r2i.edits.configuration import debian_packages, python_version
from r2i.edits.fixes import Fix
from r2i.errors import R2iError
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Change, Plan
from r2i.planning.compose import make_plan

REQUIREMENT = re.compile(
    r"(?P<before>\s*(?:- +)?[\"']?)(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)[^;#\"']*(?P<after>(?:;[^#\"']*)?[\"']?\s*(?:#.*)?)"
)


@dataclass(frozen=True, kw_only=True)
class Lasting:
    """What fixes make of the repository's files; `unkept` are the changes that no file can hold, in words."""

    changes: Changes = field(default_factory=Changes)
    unkept: tuple[str, ...] = ()


def kept(checkout: Checkout, settings: BuildSettings, made: Sequence[Made]) -> Lasting:
    """The files that lead to the same plan without options."""
    wanted = make_plan(checkout, with_changes(settings, made).options)
    found = lasting(checkout, made)
    with suppress(R2iError):
        plan = make_plan(overlay(checkout, found.changes.texts), settings.options)
        if found.unkept or essence(plan) == essence(wanted):
            return found
    return Lasting(unkept=("no file in the repository can express this: keep the options",))


def lasting(checkout: Checkout, made: Iterable[Made]) -> Lasting:
    """What to write for the changes to hold for everybody: where it is declared, else beside the configuration that counts."""
    made = tuple(made)
    packages = [word for each in made if each.change.option == "apt" for word in each.change.value.split()]
    fixes: dict[object, Fix | None] = {}
    lines: dict[object, str] = {}
    unkept: list[str] = []
    for each in made:
        match each.change.option:
            case "replace":
                place = (each.file, each.line)
                line = lines.get(place) or _replaceable(checkout, each)
                text = line and _replaced(line, each.change)
                if not text:
                    unkept.append(_in_words(each))
                elif each.file and each.line:
                    lines[place] = text
                    edit = line_edit(checkout, each.file, each.line, text)
                    fixes[place] = Fix(title=_sentence(_in_words(each)), edits=(edit,))
            case "python":
                path = checkout.config_path("runtime.txt")
                fixes["python"] = python_version(checkout, path, each.change.value)
            case "apt":
                fixes["apt"] = debian_packages(checkout, checkout.config_path("apt.txt"), packages)
            case "require" | "post-build":  # of notebooks, which are not rescued
                pass
            case "as-of" | "installer":
                unkept.append(
                    f"`{' '.join(each.change.arguments)}` cannot be written to a file: build with the option, or pin the versions that it found"
                )
    return Lasting(changes=changed(checkout, [fix for fix in fixes.values() if fix]), unkept=tuple(unkept))


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


def _replaceable(checkout: Checkout, made: Made) -> str | None:
    """The line that asks for what is replaced; None where the file is not made of such lines."""
    if made.file is None or made.line is None or not made.file.endswith((".txt", ".in", ".yml", ".yaml")):
        return None
    return line_text(checkout, made.file, made.line)


def _replaced(line: str, change: Change) -> str | None:
    """The line with another requirement, as a comment where nothing takes its place; None where it asks for something else."""
    old, _, new = change.value.partition("=")
    match = REQUIREMENT.fullmatch(line.rstrip())
    if match is None or normalised(match["name"]) != normalised(old):
        return None
    return f"{match['before']}{new}{_spaced(match['after'].strip())}" if new else f"# {line}"


def _spaced(after: str) -> str:
    return f" {after}" if after.startswith((";", "#")) else after


def _in_words(made: Made) -> str:
    old, _, new = made.change.value.partition("=")
    where = f" in `{made.file}`" if made.file else ""
    return f"write `{new}` instead of `{old}`{where}" if new else f"remove `{old}`{where}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
