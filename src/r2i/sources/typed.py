"""What somebody typed, checked before anything understands it, and shown in messages."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePosixPath

from r2i.errors import UsageError
from r2i.sources.protocol import Typed

FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
#: What git forbids in the name of a ref (git-check-ref-format(1)), and a leading dash, which is an option's.
BAD_REF = re.compile(r"^-|^/|/$|//|\.\.|@\{|(^|/)\.|\.$|\.lock(/|$)|[\s~^:?*\[\\]|^@$")

#: Longer than any path or URL that works anywhere.
LONGEST = 4096

FORMS = "Pass a directory, an archive, a git URL, `owner/name` on GitHub, a DOI, or a Binder link"


def checked(text: str, *, ref: str | None, subdirectory: str, cwd: Path) -> Typed:
    """Refuse what no provider could make sense of."""
    refuse_unprintable(text, "the repository")
    text = text.strip()
    if not text:
        raise UsageError("The repository is empty", hint=FORMS)
    if len(text) > LONGEST:
        raise UsageError(f"`{shown(text)}` is too long", hint=FORMS)
    if text.startswith("-"):
        raise UsageError(
            f"`{shown(text)}` looks like an option",
            hint="Write `./` before the name of a directory that starts with a dash",
        )
    return Typed(
        text=text,
        ref=None if ref is None else checked_ref(ref),
        subdirectory=checked_subdirectory(subdirectory),
        cwd=cwd,
    )


def is_ref(name: str) -> bool:
    """Whether git would take it as the name of a branch or tag, and no program as an option."""
    return 0 < len(name) <= LONGEST and name.isprintable() and BAD_REF.search(name) is None


def checked_ref(ref: str) -> str:
    """Raise `UsageError` where `ref` cannot name a branch, a tag or a commit."""
    if not is_ref(ref):
        raise UsageError(
            f"`{shown(ref)}` is not a valid branch, tag or commit name",
            hint="Pass a branch, tag, commit or `pull/NUMBER` to `--ref`",
        )
    return ref.lower() if FULL_ID.fullmatch(ref) else ref


def checked_subdirectory(path: str) -> str:
    """Normalise a path below the repository; raise `UsageError` where it is none."""
    refuse_unprintable(path, "`--subdir`")
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or path.startswith("-") or len(path) > LONGEST:
        raise UsageError(
            f"`--subdir {shown(path)}` is not a path inside the repository",
            hint="Use a path relative to the repository root, such as `docs/notebooks`",
        )
    return "" if pure == PurePosixPath() else str(pure)


def shown(text: str) -> str:
    """What the user typed, fit for a message: without credentials and control characters, not too long."""
    text = text.partition("?")[0]
    before, at, after = text.rpartition("@")
    if at:
        scheme = re.match(r"[\w.+-]+://", before)
        text = f"{scheme.group() if scheme else ''}…@{after}"
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= 200 else f"{text[:200]}…"


def refuse_unprintable(text: str, what: str) -> None:
    if any(unicodedata.category(c) == "Cs" for c in text):  # how Python has bytes that it cannot decode
        raise UsageError(
            f"`{shown(text)}` is not valid UTF-8",
            hint=f"Correct {what}, or rename the file or directory: r2i reads names in UTF-8 only",
        )
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in text):
        raise UsageError(
            f"`{shown(text)}` contains a control character",
            hint=f"Remove control characters from {what}",
        )
