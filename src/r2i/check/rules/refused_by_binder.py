"""F109, F409: what r2i builds, and Binder refuses or passes over."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from r2i.binder.detection import R
from r2i.buildpacks.julia import REQUIRE
from r2i.check.findings import Finding, Rule
from r2i.check.launch_links import opens_elsewhere
from r2i.check.on_binder import binder, refusal
from r2i.check.refusals import refused_by_both
from r2i.check.rules.binder import how_to_be_read, unread
from r2i.check.rules.names import near_misses
from r2i.check.rules.runtime import other_language
from r2i.check.scripts import scripts
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.check.wording import named
from r2i.edits.fixes import Edit, Fix
from r2i.planning.detect import config_names

#: What r2i reads for R, and Binder only beside a date in `runtime.txt` or a `DESCRIPTION` in the root.
OF_R = ("install.R", "DESCRIPTION")
#: A file without packages says why it is there.
EMPTY = b"# mybinder.org builds only repositories with such a file\n"

#: What one opens in Jupyter, or runs there.
CODE = (".ipynb", ".py", ".R", ".r", ".Rmd", ".qmd", ".jl")

#: Files that Binder reads, but only beside another one.
BESIDE_OTHERS = ("postBuild", "start", "apt.txt")

A_DATE = "r-4.4-2024-10-31"


def _refused(subject: Subject) -> Iterator[Finding]:
    stops = refusal(subject)
    if stops is not None:
        if not refused_by_both(subject, stops):
            yield Finding(
                message=f"Binder stops before it builds: {stops.message}",
                file=stops.file,
                line=stops.line or (1 if stops.file and subject.checkout.has(stops.file) else None),
                hint=_right(subject, stops.file),
            )
        return
    made = binder(subject)
    if made is None or not made.default or _is_said(subject):
        return
    path, install_r = unread(subject), subject.config("install.R")
    runtime, requirements = subject.config_path("runtime.txt"), subject.config_path("requirements.txt")
    reads = "builds no repository without a file that it reads"
    dated = f"Write the version of R and the day of its packages into `{runtime}`, such as `{A_DATE}`"
    if path is not None:
        hint = how_to_be_read(subject, path) or f"Add `{requirements}`; it may be empty"
        yield Finding(message=f"mybinder.org does not read `{path}`, and {reads}", file=path, hint=hint)
    elif install_r is not None:
        message = f"mybinder.org does not read `{install_r}` without a date in `{runtime}`, and {reads}"
        yield Finding(message=message, file=install_r, hint=dated)
    elif subject.config("runtime.txt"):
        message = f"mybinder.org installs no R without a date in `{runtime}`, and {reads}"
        yield Finding(message=message, file=runtime, hint=dated)
    else:
        yield Finding(
            message=f"mybinder.org {reads}, such as `requirements.txt`{_not_enough(subject)}",
            hint=f"Add `{requirements}`; it may be empty",
            fix=_empty(subject, requirements),
            severity="info" if _is_not_for_binder(subject) else None,
        )


def _not_enough(subject: Subject) -> str:
    """What is there, and makes no repository one that Binder builds."""
    there = [path for name in BESIDE_OTHERS if (path := subject.config(name))]
    return f"; {named(there)} {'is' if len(there) == 1 else 'are'} not enough" if there else ""


def _is_not_for_binder(subject: Subject) -> bool:
    """Whether there is nothing to open, or the links of the README open other branches, which may have the files."""
    if not subject.notebooks and not any(name.endswith(CODE) for name in subject.files):
        return True
    return opens_elsewhere(subject)


def _right(subject: Subject, path: str | None) -> str | None:
    name = posixpath.basename(path or "")
    if name == REQUIRE:
        return _as_project(subject, path)
    if name == "runtime.txt":
        return f"Write one line into `{path}`, such as `{A_DATE}` or `python-3.12`, or delete it"
    return None


def _as_project(subject: Subject, require: str | None) -> str:
    path = subject.config_path("Project.toml")
    command = f"julia --project={posixpath.dirname(path) or '.'} -e 'using Pkg; Pkg.add([\"…\"])'"
    return f"Write the packages into `{path}`: run `{command}`, and delete `{require}`"


def _is_said(subject: Subject) -> bool:
    """Whether another finding tells of the file that was meant to choose."""
    hides = subject.config_dir and not any(map(subject.config, config_names()))
    below = subject.git is not None and subject.git.prefix
    return bool(hides or below or other_language(subject) or near_misses(subject))


def _empty(subject: Subject, path: str) -> Fix | None:
    if subject.checkout.has(path) or subject.environment is None or subject.environment.defined_by:
        return None
    return Fix(title=f"Add `{path}` without packages", edits=(Edit(file=path, start=0, end=0, text=EMPTY),))


def _r_not_read(subject: Subject) -> Iterator[Finding]:
    made = binder(subject)
    if made is None or made.default or refusal(subject) or made.buildpack == R:
        return
    read = {evidence.file for evidence in made.reads}
    text = "\n".join(script.text for script in subject.once(scripts))
    for name in OF_R:
        path = subject.config(name)
        counts = subject.plan is not None and any(
            evidence.file == path for layer in subject.plan.layers for evidence in layer.evidence
        )
        if path is None or path in read or not counts or name in text:
            continue
        runtime = subject.config_path("runtime.txt")
        yield Finding(
            message=f"mybinder.org does not read `{path}`, because no file asks for R with a date"
            if not made.r
            else f"mybinder.org does not read `{path}` beside `{made.reason.file if made.reason else ''}`",
            file=path,
            hint=f"Write the version of R and the day of its packages into `{runtime}`, such as `{A_DATE}`"
            if not made.r
            else f"Run it in `{subject.config_path('postBuild')}`",
        )
        return


RULES = (
    Rule(
        code="F109",
        name="refused-by-binder",
        severity="error",
        why="r2i builds the repository, but mybinder.org refuses to.",
        find=_refused,
        general=True,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F409",
        name="r-not-read-by-binder",
        severity="warning",
        why="Binder installs R packages of these files only if `runtime.txt` has a date, or the root a `DESCRIPTION`.",
        find=_r_not_read,
        targets=BINDER_ONLY,
    ),
)
