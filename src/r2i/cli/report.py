"""`r2i report`: what a job of a CI service built and found, as Markdown and as a comment on the pull request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from r2i.cli.common import note, warn
from r2i.cli.themes import Command
from r2i.errors import R2iError, UsageError
from r2i.quoting import printable
from r2i.ready.badge import FORMATS, Launch, public_address
from r2i.ready.ci_jobs import CiJob, job_of
from r2i.ready.report import Findings, built_from, marker, to_markdown


@click.command(
    cls=Command,
    epilog="r2i report --metadata-file build.json --check-file check.md\nr2i report --check-file check.md --comment",
)
@click.option(
    "--metadata-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of `r2i build --metadata-file`; if it is missing, no image was built.",
)
@click.option(
    "--check-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of `r2i check --markdown`; skipped if it is missing.",
)
@click.option(
    "--variables",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append R2I_IMAGE, R2I_DIGEST and R2I_PLAN to FILE, as NAME=VALUE lines.",
)
@click.option(
    "--directory",
    default=".",
    show_default=True,
    metavar="DIR",
    help="Directory of the repository that was built.",
)
@click.option(
    "--comment",
    is_flag=True,
    help="Write the report into a comment on the pull request, with the token in GITHUB_TOKEN or GITLAB_TOKEN.",
)
def report(
    *,
    metadata_file: Path | None,
    check_file: Path | None,
    variables: Path | None,
    directory: str,
    comment: bool,
) -> None:
    """Print what was built and checked, as Markdown.

    In GitHub Actions and GitLab CI, adds a badge that opens the commit on Binder. With `--comment`, there is one comment
    for each directory of a pull request, which later runs update.
    """
    job = job_of(os.environ, lambda path: Path(path).read_text(encoding="utf-8"))
    built = _text(metadata_file)
    findings = Findings(
        builds=metadata_file is not None,
        built=built_from(built, name=str(metadata_file)) if built else None,
        check=_text(check_file),
    )
    directory = os.path.normpath(directory)
    text = to_markdown(findings, job, directory=directory, badge=_badge(job, directory))
    click.echo(text, nl=False)
    if variables is not None and findings.built is not None:
        _append(variables, findings.built.variables)
    if comment:
        _comment(text, job, directory)


def _text(path: Path | None) -> str:
    if path is None or not path.exists():
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{printable(str(path))}` cannot be read", hint="Choose another file") from error


def _append(path: Path, variables: Mapping[str, str]) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in variables.items())
    except OSError as error:
        raise UsageError(
            f"`--variables {printable(str(path))}` cannot be written: {error.strerror}",
            hint="Choose another file",
        ) from error


def _badge(job: CiJob | None, directory: str) -> str:
    """Empty for what nobody but its owners can clone, and for a part of a repository: a hub builds the whole."""
    if job is None or not job.url or directory != ".":
        return ""
    from r2i.sources import parse

    try:
        address = public_address(parse(job.url, cwd=Path.cwd()), job.url)
    except R2iError:
        return ""
    return FORMATS["markdown"](Launch(address=address, ref=job.commit))


def _comment(text: str, job: CiJob | None, directory: str) -> None:
    """A job does not fail for a comment that it may not write."""
    from r2i.ready.comments import ADVICE, VARIABLES, Comments, token_for
    from r2i.sources.web.client import HttpClient

    if job is None or not job.request:
        note("No comment was written: this is no job of a pull request")
        return
    token = token_for(job, os.environ)
    if token is None:
        warn(f"No comment was written: `{VARIABLES[job.service]}` is not set")
        return
    client = HttpClient(environ=os.environ, report=note, advice=ADVICE)
    try:
        address = Comments(client=client, job=job, token=token).write(text, marker=marker(directory))
    except R2iError as error:
        warn(f"No comment was written: {error.message}")
        if error.hint:
            note(f"{click.style('Hint:', fg='yellow', bold=True)} {printable(error.hint)}")
        return
    note(f"Comment: {printable(address)}" if address else "The comment was written")
