"""Names of images: the same source and options always have the same name."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from hashlib import sha256
from pathlib import PurePosixPath

from r2i import __version__
from r2i.errors import UsageError
from r2i.model import Options, Source

#: A name as registries take it, with an optional registry, tag and digest
#: (https://github.com/distribution/reference, `reference.go`).
REFERENCE = re.compile(
    r"(?:[a-zA-Z0-9]+(?:[.-]+[a-zA-Z0-9]+)*(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
#: Its pages are named by hashes: no owner and no name stands in their addresses.
NAMELESS = {"software_heritage"}
LONGEST_NAME, LONGEST_TAG = 255, 128
#: As much of the version of a record as the names of its images show.
LONGEST_VERSION = 64


def image_reference(source: Source, options: Options, *, revision: str | None) -> str:
    """`r2i/owner-name:revision-options` for a fetched revision, `r2i/directory:path` for a local directory.

    A published record is `r2i/provider:version-options`. The tag of a revision names everything that the image depends on, so an image of that name need not be built
    again. A local directory keeps one name while it is edited.
    """
    slug = _slug(source)
    if revision is None:
        return f"r2i/{slug}:{_short(source.location, source.subdirectory)}"
    content = [] if source.content is None else [source.content.words]
    chosen = [__version__, source.location, source.subdirectory, asdict(options), *content]
    if COMMIT.fullmatch(revision) and source.provider not in NAMELESS:
        return f"r2i/{slug}:{revision[:12]}-{_short(json.dumps(chosen, sort_keys=True))}"
    version = re.sub(r"[^A-Za-z0-9.]+", "-", revision).strip("-.")[:LONGEST_VERSION]
    short = _short(json.dumps([*chosen, revision], sort_keys=True))
    return f"r2i/{source.provider}:{'-'.join(filter(None, (version, short)))}"


def is_image_name(text: str) -> bool:
    """Whether registries take it as a name, perhaps with a tag; the name without the tag can be so long."""
    return not too_long(text) and REFERENCE.fullmatch(text) is not None


def too_long(text: str) -> str | None:
    """Which part of a name is longer than registries take, as the end of a sentence."""
    name, colon, tag = text.rpartition(":")
    bare, tag = (name, tag) if colon and "/" not in tag else (text, "")
    for part, what, most in ((bare, "name", LONGEST_NAME), (tag, "tag", LONGEST_TAG)):
        if len(part) > most:
            return f"the {what} has {len(part)} characters, and {most} are allowed"
    return None


def checked_reference(tag: str) -> str:
    """The tag that the user asks for; raise `UsageError` where no registry would take it."""
    if not is_image_name(tag):
        why = too_long(tag)
        raise UsageError(
            f"`{tag}` is not a valid image name" + (f": {why}" if why else ""),
            hint="Choose a shorter one" if why else "Write it like `name:tag` in lower-case letters",
        )
    return tag


def registry_and_path(reference: str) -> tuple[str, str]:
    """Part a name where clients do: the registry, with its port, is empty where it is the default one."""
    host, slash, path = reference.partition("/")
    named = slash and ("." in host or ":" in host or host == "localhost")
    return (host, path) if named else ("", reference)


def _slug(source: Source) -> str:
    words = [part for part in PurePosixPath(source.location).parts[-2:] if part not in {"/", "."}]
    if source.provider == "local":
        words = words[-1:]
    joined = re.sub(r"[^a-z0-9]+", "-", "-".join(words).removesuffix(".git").lower()).strip("-")
    return joined[:64].strip("-") or "repository"


def _short(*words: str) -> str:
    return sha256("\0".join(words).encode(errors="surrogateescape")).hexdigest()[:8]
