"""F1: which files count, and whether r2i and Binder can read them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from r2i.buildpacks.julia import REQUIRE
from r2i.check.findings import Finding, Rule
from r2i.check.on_binder import binder
from r2i.check.refusals import targets_of_error
from r2i.check.rules.hidden_files import FOR_BINDER, hidden_entries, plan_warnings
from r2i.check.rules.runtime import STRONGER
from r2i.check.scripts import READ_AS_UTF8, bytes_of, wide
from r2i.check.subject import Subject
from r2i.check.targets import R2I_ONLY
from r2i.check.unheard import OF_ENVIRONMENT, asked_for, config_in
from r2i.check.wording import named
from r2i.checkout import CONFIG_DIRECTORIES
from r2i.edits.applying import line_edit, line_text
from r2i.edits.fixes import Fix
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.formats.julia.files import PROJECTS
from r2i.formats.requirements.lines import quoted
from r2i.planning.detect import config_names

#: Files that choose a language, and its version.
LANGUAGE_FILES = frozenset({"runtime.txt", *PROJECTS})


def _cannot_be_planned(subject: Subject) -> Iterator[Finding]:
    first = subject.planned
    if isinstance(first, R2iError):
        others = subject.detections.problems if first.file else ()
        for error in (first, *others):
            if _is_wide(subject, error.file):
                continue  # F305 says so, and mends it
            yield Finding(
                message=error.message + _elsewhere(subject, error),
                file=error.file,
                line=error.line,
                hint=error.hint,
                fix=_corrected(subject, error),
                targets=targets_of_error(subject, error),
            )


def _elsewhere(subject: Subject, error: R2iError) -> str:
    """What to say of a language that Binder has: of what a build there does later, this says nothing."""
    made = binder(subject)
    if posixpath.basename(error.file or "") not in LANGUAGE_FILES or made is None or made.error:
        return ""
    return "; r2i does not build this yet"


def _is_wide(subject: Subject, file: str | None) -> bool:
    names = {subject.config(name) for name in READ_AS_UTF8}
    return file in names and file is not None and wide(bytes_of(subject, file) or b"") is not None


def _corrected(subject: Subject, error: R2iError) -> Fix | None:
    """Its words replaced, where they stand once in their line."""
    if not isinstance(error, InvalidRepositoryError) or not error.correct or not error.file or not error.line:
        return None
    wrong, right = error.correct
    raw = line_text(subject.checkout, error.file, error.line)
    if raw is None or raw.count(wrong) != 1:
        return None
    edit = line_edit(subject.checkout, error.file, error.line, raw.replace(wrong, right))
    return Fix(title=f"Write {quoted(right)}", edits=(edit,))


def _two_directories(subject: Subject) -> Iterator[Finding]:
    if all(map(subject.checkout.is_dir, CONFIG_DIRECTORIES)):
        yield Finding(
            message="The repository has both a `binder` and a `.binder` directory; neither Binder nor r2i builds it",
            file=".binder",
            hint="Keep only one of them",
        )


def _empty_directory(subject: Subject) -> Iterator[Finding]:
    if not subject.config_dir or any(map(subject.config, config_names())):
        return
    files = _counting_in_root(subject)
    if files:
        yield Finding(
            message=f"`{subject.config_dir}/` contains no configuration, but hides {named(files)}",
            file=files[0],
            hint=f"Move the configuration into `{subject.config_dir}/`, or rename this directory",
        )


def _counting_in_root(subject: Subject) -> list[str]:
    """What would count without the directory."""
    root = config_in(subject, "")
    declaring = {name for name in config_names() if asked_for(root, name, subject.options)}
    return [
        entry.file
        for entry in hidden_entries(subject)
        if entry.file in declaring or (entry.file in FOR_BINDER and entry.file not in OF_ENVIRONMENT)
    ]


def _hidden_by_dockerfile(subject: Subject) -> Iterator[Finding]:
    dockerfile = subject.config("Dockerfile")
    text = (subject.text(dockerfile) or "") if dockerfile else ""
    words = text.replace("/", " ").replace(",", " ").split()
    if (
        any("onbuild" in word.lower() for word in words)
        or len(re.findall(r"^[ \t]*\w", text, re.MULTILINE)) < 2
    ):
        return  # the base image may use them, as where the file says nothing else
    for name in FOR_BINDER:
        path = subject.config(name)
        if not dockerfile or path is None:
            continue
        if not any(fnmatchcase(name, word.strip("\"'[];")) for word in words if word.strip("*\"'[],;.")):
            yield Finding(
                message=f"`{path}` has no effect: `{dockerfile}` defines the whole image, and does not use it",
                file=path,
                hint=f"Use it in `{dockerfile}`, or delete one of them",
            )


def _below_the_top(subject: Subject) -> Iterator[Finding]:
    if subject.declared_above and subject.git is not None:
        here = subject.git.prefix.rstrip("/")
        top = posixpath.relpath(".", here)
        files = [f"{top}/{file}" for file in subject.declared_above]
        yield Finding(
            message=f"The root of the repository is `{top}`; its configuration, {named(files)}, is not checked here",
            hint=f"Run `r2i check {top}` in `{here}`",
        )


def _warned_of(subject: Subject) -> Iterator[Finding]:
    runtime = subject.config("runtime.txt")
    of_lab = {notice for pack in subject.detections.packs for notice in pack.labextensions}
    for notice in plan_warnings(subject, of_ignored=False):
        if notice in of_lab:
            continue  # F315 says so
        if f"but `{runtime}`" in notice.message and posixpath.basename(notice.file or "") in STRONGER:
            continue  # F112 says what Binder makes of the two
        if posixpath.basename(notice.file or "") == REQUIRE:
            continue  # F109 says so
        sentence = notice.message[:1].upper() + notice.message[1:]
        yield Finding(message=sentence, file=notice.file, line=notice.line)


RULES = (
    Rule(
        code="F101",
        name="cannot-be-planned",
        severity="error",
        why="r2i refuses to build the repository; where Binder builds it, the finding is about r2i only.",
        find=_cannot_be_planned,
        varying=True,
        general=True,
    ),
    Rule(
        code="F102",
        name="two-config-directories",
        severity="error",
        why="Binder and r2i refuse a repository with both, because they cannot know which one counts.",
        find=_two_directories,
    ),
    Rule(
        code="F103",
        name="empty-config-directory",
        severity="error",
        why="A `binder` directory hides the configuration beside it, even if it contains none.",
        find=_empty_directory,
    ),
    Rule(
        code="F106",
        name="hidden-by-dockerfile",
        severity="info",
        why="If there is a `Dockerfile`, it alone defines the image.",
        find=_hidden_by_dockerfile,
    ),
    Rule(
        code="F107",
        name="plan-warning",
        severity="info",
        why="r2i builds the repository, with a warning.",
        find=_warned_of,
        targets=R2I_ONLY,
        general=True,
    ),
    Rule(
        code="F108",
        name="below-the-top",
        severity="warning",
        why="Binder builds the whole repository, and looks for configuration only in its root.",
        find=_below_the_top,
    ),
)
