"""Every failure that a user can cause, with its exit code.

    R2iError                 1   anything else
    ├── UsageError           2   the command line is wrong
    ├── FetchError           3   the repository or the ref cannot be had
    ├── NoBuildpackError     4   nothing in the repository that r2i can build
    ├── InvalidRepositoryError 5 a file of the repository is wrong
    ├── EngineError          6   no container engine, or it misbehaves
    ├── BuildFailedError     7   a step of the repository's own build failed
    ├── NotReadyError        8   it built, but does not come up to what was asked
    └── TemporaryError       75  may succeed when tried again (`EX_TEMPFAIL` of sysexits.h)

A bug in r2i exits with 70 (`EX_SOFTWARE`), an interrupt with 130; both are the business of `r2i.cli`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from r2i.model import Diagnosis


class R2iError(Exception):
    """A failure with words for the user: what is wrong, where, and what to do.

    `message` is a sentence without a full stop, literals in backticks; `hint` is an imperative.
    `file` is relative to the repository's root, `line` counts from 1. Where a step of a build failed, `log` holds
    its last lines, and `diagnosis` why, where that is known.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        file: str | None = None,
        line: int | None = None,
        log: tuple[str, ...] = (),
        diagnosis: Diagnosis | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.file = file
        self.line = line
        self.log = log
        self.diagnosis = diagnosis

    @property
    def where(self) -> str | None:
        """`file:line`, `file`, or None."""
        if self.file is None:
            return None
        return self.file if self.line is None else f"{self.file}:{self.line}"


class UsageError(R2iError):
    exit_code = 2


class FetchError(R2iError):
    exit_code = 3


class NoBuildpackError(R2iError):
    exit_code = 4


class InvalidRepositoryError(R2iError):
    """A file of the repository is wrong; `correct` are words of its line, and what mends it in their place."""

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        file: str | None = None,
        line: int | None = None,
        correct: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, file=file, line=line)
        self.correct = correct


class EngineError(R2iError):
    exit_code = 6


class BuildFailedError(R2iError):
    """A build step failed; `dockerfile_line` is where its instruction begins.

    Where it was ended for a bound of the build, its output does not tell why, and `exceeded` is the message with
    `{step}` in it.
    """

    exit_code = 7

    def __init__(
        self,
        message: str,
        *,
        dockerfile_line: int | None = None,
        hint: str | None = None,
        file: str | None = None,
        line: int | None = None,
        log: tuple[str, ...] = (),
        diagnosis: Diagnosis | None = None,
        exceeded: str = "",
    ) -> None:
        super().__init__(message, hint=hint, file=file, line=line, log=log, diagnosis=diagnosis)
        self.dockerfile_line = dockerfile_line
        self.exceeded = exceeded


class NotReadyError(R2iError):
    exit_code = 8


class TemporaryError(R2iError):
    exit_code = 75
