"""What a job of a CI service built and found, as Markdown: for the page of the job, and for a comment on a pull request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from r2i.check.size import spoken_size
from r2i.errors import UsageError
from r2i.quoting import markdown, markdown_code
from r2i.ready.ci_jobs import CiJob

#: GitHub takes 65,536 characters; some are left for what stands around the report of the check.
MOST = 60_000

#: The version of the metadata that this file reads.
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Built:
    """The image of a metadata file. `digest` is None where no registry has it."""

    references: tuple[str, ...]
    digest: str | None
    plan: str | None
    size: int | None
    seconds: float | None
    layers: tuple[tuple[str, bool, float], ...]

    @property
    def pinned(self) -> str | None:
        """The name by which everybody gets this very image."""
        if self.digest is None or not self.references:
            return None
        name = self.references[0]
        host, slash, rest = name.rpartition("/")
        return f"{host}{slash}{rest.partition(':')[0]}@{self.digest}"

    @property
    def variables(self) -> dict[str, str]:
        """For the later steps or jobs of a CI service."""
        image = self.pinned or next(iter(self.references), "")
        found = {"R2I_IMAGE": image, "R2I_DIGEST": self.digest or "", "R2I_PLAN": self.plan or ""}
        # A line end would begin another variable.
        return {name: value for name, value in found.items() if value and value.isprintable()}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """`built` is None where nothing was built although it should have been; `check` is the Markdown of the check."""

    builds: bool = False
    built: Built | None = None
    check: str = ""


def built_from(text: str, *, name: str) -> Built:
    """Read a metadata file; raise `UsageError` where it is none."""
    try:
        document = json.loads(text)
        image = document["image"]
        if document["schema"] != SCHEMA:
            raise UsageError(
                f"`{name}` is of another version of r2i", hint="Use the same r2i for all steps of a job"
            )
        return Built(
            references=tuple(image["references"]),
            digest=image["digest"],
            plan=document["plan"],
            size=image["size"],
            seconds=document["seconds"],
            layers=tuple(_layer(layer) for layer in document["layers"] or ()),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"`{name}` is no metadata of a build", hint="Write it with `r2i build --metadata-file FILE`"
        ) from error


def _layer(layer: dict[str, Any]) -> tuple[str, bool, float]:
    return layer["title"], layer["cached"], layer["seconds"]


def marker(directory: str) -> str:
    """The first line of a comment, which nobody sees: each directory of a repository has a comment of its own."""
    return f"<!-- r2i report {quote(directory, safe='/')} -->"


def to_markdown(findings: Findings, job: CiJob | None, *, directory: str, badge: str) -> str:
    return "\n".join(_lines(findings, job, directory=directory, badge=badge)).rstrip() + "\n"


def _lines(findings: Findings, job: CiJob | None, *, directory: str, badge: str) -> Iterator[str]:
    yield marker(directory)
    yield _title(job, directory)
    yield ""
    if badge:
        yield from (badge, "")
    if findings.builds:
        if findings.built is None:
            yield "No image was built."
        else:
            yield from _image(findings.built)
        yield ""
    if findings.check:
        if findings.builds:
            yield from ("#### Check", "")
        yield _cut(findings.check)


def _title(job: CiJob | None, directory: str) -> str:
    words = ["### r2i"]
    if job is not None:
        words[0] += ":"
        words.append(markdown_code(f"{job.repository}@{job.commit[:12]}"))
    if directory != ".":
        words.append(f"in {markdown_code(directory)}")
    return " ".join(words)


def _image(built: Built) -> Iterator[str]:
    names = "<br>".join(markdown_code(name) for name in built.references)
    yield "| | |"
    yield "|---|---|"
    yield f"| Image | {names or 'in the cache of the builder only'} |"
    yield f"| Digest | {markdown_code(built.digest) if built.digest else 'not pushed'} |"
    if built.size:
        yield f"| Size | {spoken_size(built.size)} |"
    yield f"| Build | {_build(built)} |"
    if built.pinned:
        yield ""
        yield "To open it on your machine:"
        yield ""
        yield f"    docker run --rm --publish 127.0.0.1:8888:8888 {built.pinned}"
    if any(not cached for _, cached, _ in built.layers):
        yield from _layers(built)


def _build(built: Built) -> str:
    if built.seconds is None:
        return "found, not built again"
    cached = sum(cached for _, cached, _ in built.layers)
    return f"{built.seconds:.0f} s, {cached} of {len(built.layers)} layers from the cache"


def _layers(built: Built) -> Iterator[str]:
    yield from ("", "<details><summary>Layers</summary>", "")
    for title, cached, seconds in built.layers:
        yield f"- {'Cached' if cached else f'{seconds:.1f} s'}: {markdown(title)}"
    yield from ("", "</details>")


def _cut(text: str) -> str:
    """Whole lines, and no last words in a part that is folded away."""
    if len(text) <= MOST:
        return text
    kept = text[:MOST].rpartition("\n")[0]
    folded = "\n\n</details>" if kept.rfind("\n<details>") > kept.rfind("\n</details>") else ""
    return f"{kept}{folded}\n\nThe rest is in the log of the job.\n"
