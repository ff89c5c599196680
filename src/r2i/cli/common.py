"""What several commands share: their options, and the way from what was typed to a checkout."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import click

from r2i.checkout import Checkout
from r2i.cli.as_of import as_of_option, with_date
from r2i.errors import UsageError
from r2i.model import Json, Notice, Options, Source
from r2i.quoting import printable
from r2i.sources.protocol import Revision

Function = TypeVar("Function", bound=Callable[..., Any])


def source_options(function: Function, *, default: str | None = None) -> Function:
    """SOURCE, `--ref` and `--subdir`; with a default, SOURCE may be left out."""
    given: dict[str, Any] = {"metavar": "SOURCE"}
    if default is not None:
        given = {"metavar": f"[SOURCE={default}]", "default": default}
    for decorate in (
        click.option("--subdir", default="", metavar="DIR", help="The directory of the repository to build."),
        click.option("--ref", metavar="REF", help="A branch, tag, commit or pull request. [default: HEAD]"),
        click.argument("source", **given),
    ):
        function = decorate(function)
    return function


def plan_options(function: Function) -> Function:
    """What changes the plan."""
    for decorate in (
        click.option(
            "--appendix", default="", metavar="TEXT", help="Instructions to end the Dockerfile with."
        ),
        click.option(
            "--build-arg",
            "build_args",
            multiple=True,
            metavar="K=V",
            help="For the repository's own Dockerfile.",
        ),
        click.option("--label", "labels", multiple=True, metavar="K=V", help="Label the image."),
        click.option(
            "--target-repo-dir", "repo_dir", metavar="DIR", help="Where the files go. [default: the home]"
        ),
        click.option("--user-id", default=1000, show_default=True, help="The id of the user in the image."),
        click.option(
            "--user-name", default="jovyan", show_default=True, help="The name of the user in the image."
        ),
        click.option(
            "--replace",
            "replacements",
            multiple=True,
            metavar="OLD=NEW",
            help="Install another requirement in the place of one, `OLD=` none; can be repeated.",
        ),
        click.option(
            "--apt", multiple=True, metavar="NAME", help="Install a Debian package, too; can be repeated."
        ),
        click.option(
            "--group",
            "groups",
            multiple=True,
            metavar="NAME",
            help="Install a dependency group, too; can be repeated.",
        ),
        click.option(
            "--extra",
            "extras",
            multiple=True,
            metavar="NAME",
            help="Install optional dependencies, too; can be repeated.",
        ),
        click.option(
            "--installer",
            type=click.Choice(["uv", "pip"]),
            default="uv",
            show_default=True,
            help="What installs from package indexes: `pip` is one of before 24.1, for old releases.",
        ),
        as_of_option,
        click.option(
            "--python", metavar="X.Y", help="The version of Python, whatever the repository asks for."
        ),
        click.option(
            "--base-image", metavar="IMAGE", help="The image to build on: Debian's, Ubuntu's or made of them."
        ),
    ):
        function = decorate(function)
    return function


def engine_option(purpose: str) -> Callable[[Function], Function]:
    return click.option(
        "--engine",
        type=click.Choice(["auto", "docker", "podman"]),
        default="auto",
        show_default=True,
        help=purpose,
    )


def _readable(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> Path | None:
    """A file that is named and cannot be used is a mistake, also where nothing would be built with it."""
    if file is not None:
        from r2i.host import certificates

        certificates(file, "--ca-bundle")
    return file


def ca_bundle_option(function: Function) -> Function:
    return click.option(
        "--ca-bundle",
        type=click.Path(path_type=Path),
        metavar="FILE",
        callback=_readable,
        help="Certificates that build steps trust, too. [default: those of SSL_CERT_FILE]",
    )(function)


def options_from(chosen: Mapping[str, Any]) -> Options:
    """The `Options` in what click collected for `plan_options`."""
    options = Options(
        base_image=chosen["base_image"],
        python=chosen["python"],
        installer=chosen["installer"],
        extras=chosen["extras"],
        groups=chosen["groups"],
        apt=chosen["apt"],
        replace=_replacements(chosen["replacements"]),
        user_name=chosen["user_name"],
        user_id=chosen["user_id"],
        repo_dir=chosen["repo_dir"],
        appendix=chosen["appendix"],
        labels=pairs("--label", chosen["labels"]),
        build_args=pairs("--build-arg", chosen["build_args"]),
    )
    return with_date(options, chosen["as_of"])


def _replacements(values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise UsageError(f"`--replace {value}` does not say by what", hint="Write `--replace OLD=NEW`")
    return {old.strip(): new.strip() for old, _, new in (value.partition("=") for value in values)}


def pairs(option: str, values: tuple[str, ...]) -> dict[str, str]:
    """Read `K=V`; a name alone takes its value from the environment, as with `docker build --build-arg`."""
    result = {}
    for value in values:
        name, equals, content = value.partition("=")
        if not name:
            raise UsageError(f"`{option} {value}` has no name", hint=f"Write `{option} NAME=VALUE`")
        if equals:
            result[name] = content
        elif name in os.environ:
            result[name] = os.environ[name]
        else:
            raise UsageError(f"`{option} {name}` has no value", hint=f"Write `{option} {name}=VALUE`")
    return result


def parsed(source: str, ref: str | None, subdir: str) -> Source:
    from r2i.sources import parse

    return parse(source, ref=ref, subdirectory=subdir, cwd=Path.cwd())


@contextmanager
def checked_out(source: Source, revision: Revision | None = None) -> Iterator[Checkout]:
    """The repository on this machine, for as long as it is needed."""
    from r2i.sources import fetched

    with fetched(source, environ=os.environ, report=note, revision=revision) as checkout:
        yield checkout


#: Whether stderr is for a program, which reads one JSON object a line (`--progress json`).
for_programs: ContextVar[bool] = ContextVar("for_programs", default=False)


def note(message: str, **fields: Json) -> None:
    """Tell the user something that is not the product; `fields` go with it where a program reads."""
    if for_programs.get():
        import json

        message = json.dumps({**fields, "message": click.unstyle(message)})
    click.echo(message, err=True)


def agreed(question: str) -> bool:
    """What somebody at the terminal answers."""
    try:
        return click.confirm(question, default=True, err=True)
    except click.Abort:
        click.echo(err=True)  # the cursor is still behind the question, and `^C`
        raise


def show_warnings(notices: Iterable[Notice]) -> None:
    """What may surprise, on stderr; the rest stands in `r2i plan`."""
    for notice in notices:
        if notice.level == "warning":
            file = printable(notice.file or "")
            place = f"{file}:{notice.line}: " if notice.line else f"{file}: " if file else ""
            note(f"{click.style('Warning:', fg='yellow')} {place}{printable(notice.message)}")
