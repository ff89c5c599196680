"""Who refuses a repository, and why: r2i by the errors of its plan, Binder by what its builder stops at."""

from __future__ import annotations

import posixpath
import re

from r2i.binder.ubuntu import not_in_ubuntu
from r2i.binder.values import BinderError
from r2i.check.on_binder import binder, is_read, refusal
from r2i.check.subject import Subject
from r2i.check.targets import BOTH, R2I_ONLY, Targets
from r2i.errors import R2iError

LITERAL = re.compile(r"`([^`]+)`")

#: What Binder reads as r2i does where these are wrong: a stop of its builder would be known.
WHOLLY_KNOWN = frozenset(
    {"runtime.txt", "Project.toml", "JuliaProject.toml", ".dockerignore", ".containerignore"}
)

#: Errors about what r2i alone can or wants to do.
OF_R2I = re.compile(r"\br2i\b|\bpasswords?\b|\btokens?\b|leads? out of the repository")

#: A shell splits the line there, and Binder hands it to one.
FOR_A_SHELL = re.compile(r"[;&|$<>()]")


def targets_of_error(subject: Subject, error: R2iError) -> Targets:
    """Whether Binder fails of what r2i refuses, too, as far as the model of its builder and the tables tell."""
    stops = refusal(subject)
    if stops is not None:
        return BOTH if stops.file == error.file else R2I_ONLY
    if binder(subject) is None or error.file is None or not is_read(subject, error.file):
        return R2I_ONLY
    if posixpath.basename(error.file) in WHOLLY_KNOWN or _is_about_r2i(subject, error):
        return R2I_ONLY
    return BOTH


def _is_about_r2i(subject: Subject, error: R2iError) -> bool:
    made, named = binder(subject), LITERAL.findall(error.message)
    if OF_R2I.search(error.message):
        return True
    if posixpath.basename(error.file or "") == "apt.txt":
        missing = " is not in " in error.message and not_in_ubuntu(named[0]) is None
        return missing or any(map(FOR_A_SHELL.search, named))
    # A lock that Binder does not read, or that has something else than the file.
    return made is not None and not {ignored.file for ignored in made.ignored}.isdisjoint(named)


def refused_by_both(subject: Subject, stops: BinderError) -> bool:
    """Whether an error of r2i says the same of the file."""
    errors = (subject.planned, *subject.detections.problems)
    return any(isinstance(error, R2iError) and error.file == stops.file for error in errors)
