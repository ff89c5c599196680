"""The error for a failed step: which part of the repository it came from, why it failed, and what may mend it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from r2i.diagnosis import diagnose
from r2i.errors import BuildFailedError, R2iError, TemporaryError
from r2i.facts.pins import pythons
from r2i.formats.language_versions import minor_of
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Change, Diagnosis, Dockerfile, Evidence, Layer, Plan, Stage

#: How many of its last lines are shown.
SHOWN_LINES = 20

#: What the options can change: what is installed, and what is there when `postBuild` runs.
MENDABLE = frozenset({Stage.DEPENDENCIES, Stage.PACKAGE, Stage.BUILD})

SEE_ABOVE = "Its last lines above say why; `r2i dockerfile` shows the step"


def explained(
    error: BuildFailedError,
    log: tuple[str, ...],
    *,
    plan: Plan,
    dockerfile: Dockerfile,
    is_possible: Callable[[Change], bool] = lambda _: True,
) -> R2iError:
    """`log` is all that is known of what the step printed, fit to be shown; `is_possible` tells what may be proposed."""
    if error.exceeded:
        return _stopped(error, log[-SHOWN_LINES:], plan=plan, dockerfile=dockerfile)
    status = re.search(r"exit status \d+$", error.message)
    found = diagnose(
        (*log, *([status[0]] if status else [])),
        pythons=tuple(pythons()),
        current=minor_of(plan.python.version) if plan.python else None,
        values={"release": plan.base.release.name} if plan.base.release else {},
    )
    shown = log[-SHOWN_LINES:]
    line = error.dockerfile_line
    if plan.dockerfile is not None:
        found = found and replace(found, changes=())
        instruction = Evidence(why="", file=plan.dockerfile, line=line)
        return _error(error.message, found, instruction, log=shown, hint="Correct this instruction")
    index = dockerfile.layer_lines.get(line) if line is not None else None
    if index is None:
        return _error(error.message, found and replace(found, changes=()), None, log=shown, hint=error.hint)
    layer = plan.layers[index]
    if layer.template == "final" and str(layer.variables["appendix"]):
        return BuildFailedError(f"`--appendix`: {error.message}", log=shown, hint="Correct this instruction")
    if found:
        found = replace(found, changes=_possible(found, layer, plan, is_possible))
    if layer.stage in {Stage.DEPENDENCIES, Stage.PACKAGE}:
        shown = (*shown, *_cutoff(plan))
    place, command = _ended(layer, log) or (_place(layer, found, log), "")
    if found is None:
        step = f"he step `{layer.title}` failed"
        message = f"`{command}` failed (t{step})" if command else f"T{step}"
        return _error(message, None, place, log=shown, hint=SEE_ABOVE)
    hint = lasting(found.changes[0], plan.config_dir) if found.changes else SEE_ABOVE
    return _error(f"the step `{layer.title}` failed", found, place, log=shown, hint=hint)


def _possible(
    found: Diagnosis, layer: Layer, plan: Plan, is_possible: Callable[[Change], bool]
) -> tuple[Change, ...]:
    if layer.stage not in MENDABLE:
        return ()
    # Another date may help, but not that it has one.
    kept = (change for change in found.changes if plan.as_of is None or change.value != "commit")
    return tuple(filter(is_possible, kept))


def _stopped(
    error: BuildFailedError, log: tuple[str, ...], *, plan: Plan, dockerfile: Dockerfile
) -> BuildFailedError:
    """A build that was ended for one of its bounds: what it printed does not say why."""
    line = error.dockerfile_line
    index = dockerfile.layer_lines.get(line) if line is not None else None
    place = Evidence(why="", file=plan.dockerfile, line=line) if plan.dockerfile is not None else None
    message = error.message
    if index is not None:
        place = _place(plan.layers[index], None, log)
        message = error.exceeded.replace("{step}", f"the step `{plan.layers[index].title}`")
    return BuildFailedError(
        message[:1].upper() + message[1:],
        hint=error.hint,
        log=log,
        file=place.file if place else None,
        line=place.line if place else None,
        exceeded=error.exceeded,
    )


def _cutoff(plan: Plan) -> tuple[str, ...]:
    """What installers do not know of or call by other names."""
    if plan.as_of is None:
        return ()
    because = plan.as_of.evidence
    place = f", from `{because.file}`" if because.file else ""
    return (f"r2i: packages published after {plan.as_of.moment} were excluded ({because.why}{place})",)


def lasting(change: Change, config_dir: str) -> str | None:
    """How to make a change for everybody: what to write into which file of the repository."""
    directory = f"{config_dir}/" if config_dir else ""
    match change.option:
        case "python":
            return f"Write `python-{change.value}` into `{directory}runtime.txt`"
        case "apt":
            names = " and ".join(f"`{name}`" for name in change.value.split())
            return f"Write {names} into `{directory}apt.txt`"
        case "replace":
            old, _, new = change.value.partition("=")
            return f"Write `{new}` instead of `{old}`" if new else f"Remove `{old}`"
        case "require":
            return f"Require `{change.value}`"
        case "post-build":
            return f"Write `{change.value}` into `{directory}postBuild`"
        case "as-of" | "installer":
            return None


def _error(
    message: str, found: Diagnosis | None, place: Evidence | None, *, log: tuple[str, ...], hint: str | None
) -> R2iError:
    kind = TemporaryError if found and found.temporary else BuildFailedError
    return kind(
        f"{found.message} ({message})" if found else message,
        log=log,
        diagnosis=found,
        file=place.file if place else None,
        line=place.line if place else None,
        hint=(found.hint if found and not found.changes else None) or hint,
    )


def _place(layer: Layer, found: Diagnosis | None, log: tuple[str, ...]) -> Evidence | None:
    """The line that asks for what the failure is about, else the file that the layer comes from."""
    about = _asked_for(layer, found.package) if found and found.package else None
    return (
        about or _culprit(layer, log) or next((replace(e, line=None) for e in layer.evidence if e.file), None)
    )


def _ended(layer: Layer, log: tuple[str, ...]) -> tuple[Evidence, str] | None:
    """Where in a script of the repository the step ended, and with which command, as what runs the script says."""
    path = layer.variables.get("path")
    if layer.template not in ("post_build", "r_packages") or not isinstance(path, str):
        return None
    said = re.compile(rf"r2i: `{re.escape(path)}` failed with status \d+ in line (\d{{1,6}}): (.*)")
    found = next((match for line in reversed(log) if (match := said.fullmatch(line.strip()))), None)
    if found is None:
        return None
    commands = layer.variables.get("commands", ())
    added = isinstance(commands, tuple) and any("1i #!" in str(command) for command in commands)
    line = int(found[1]) - added
    return Evidence(why="", file=path, line=line if line > 0 else None), found[2].replace("`", "'")[:80]


def _asked_for(layer: Layer, package: str) -> Evidence | None:
    return next(
        (e for e in layer.evidence if e.line is not None and (name := _literal(e)) and _same(name, package)),
        None,
    )


def _culprit(layer: Layer, log: tuple[str, ...]) -> Evidence | None:
    """The one line of the repository's files that asks for something which the log names; None where it names several."""
    text = "\n".join(log)
    named = [
        evidence
        for evidence in layer.evidence
        if evidence.line is not None
        and (literal := _literal(evidence))
        and re.search(rf"(?<![\w.-]){re.escape(literal)}(?![\w-])", text)
    ]
    return named[0] if len(named) == 1 else None


def _literal(evidence: Evidence) -> str | None:
    found = re.search(r"`([^`]+)`", evidence.why)
    return found[1] if found else None


def _same(requirement: str, package: str) -> bool:
    name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return name is not None and _normal(name[0]) == _normal(package)


def _normal(name: str) -> str:
    return normalised(name).strip("-")
