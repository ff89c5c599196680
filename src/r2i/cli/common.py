"""What several commands share: their options, and the way from what was typed to a checkout."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import click

from r2i.checkout import Checkout
from r2i.cli.as_of import as_of_option, asked, with_date
from r2i.cli.choices import Function, collected
from r2i.cli.output import for_programs
from r2i.cli.passing import passing_line
from r2i.engines import EngineChoice
from r2i.errors import UsageError
from r2i.model import Json, Momentary, Notice, Options, Source
from r2i.quoting import printable

DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, kw_only=True)
class TypedSource:
    """What names a repository, as it was typed."""

    source: str
    ref: str | None
    subdir: str

    def understood(self) -> Source:
        """Raises `UsageError` where it is no source."""
        from r2i.sources import parse
        from r2i.sources.given_login import with_login

        source = parse(self.source, ref=self.ref, subdirectory=self.subdir, cwd=Path.cwd())
        return with_login(source, os.environ)


def source_options(function: Function, *, default: str | None = None) -> Function:
    """SOURCE, `--ref` and `--subdir` as the argument `typed`; with a default, SOURCE may be left out."""
    given: dict[str, Any] = {"metavar": "SOURCE"}
    if default is not None:
        given = {"metavar": f"[SOURCE={default}]", "default": default}
    options = (
        click.option("--subdir", default="", metavar="DIR", help="Subdirectory of the repository to build."),
        click.option("--ref", metavar="REF", help="Branch, tag, commit or pull request. [default: HEAD]"),
        click.argument("source", **given),
    )
    decorated: Function = collected(TypedSource, "typed", options)(function)
    return decorated


@dataclass(frozen=True, kw_only=True)
class PlanChoices:
    """The options of a plan, as they were typed."""

    base_image: str | None
    python: str | None
    as_of: str | None
    installer: Literal["uv", "pip"]
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    apt: tuple[str, ...]
    replacements: tuple[str, ...]
    rstudio: bool
    user_name: str
    user_id: int
    repo_dir: str | None
    labels: tuple[str, ...]
    build_network: Literal["default", "none"]
    build_args: tuple[str, ...]
    appendix: str

    def options(self) -> Options:
        """Raises `UsageError` where one cannot be read."""
        options = Options(
            base_image=self.base_image,
            python=self.python,
            installer=self.installer,
            extras=self.extras,
            groups=self.groups,
            apt=self.apt,
            replace=_replacements(self.replacements),
            rstudio=self.rstudio,
            user_name=self.user_name,
            user_id=self.user_id,
            repo_dir=self.repo_dir,
            appendix=self.appendix,
            labels=pairs("--label", self.labels),
            build_args=pairs("--build-arg", self.build_args),
            build_network=self.build_network,
        )
        return with_date(options, self.as_of)

    def options_for(self, checkout: Checkout, source: Source) -> Options:
        """The same, with the date that only the history tells."""
        if (by := asked(self.as_of)) is None:
            return self.options()
        from r2i.building.dated import dated

        return dated(self.options(), by, checkout=checkout, source=source, environ=os.environ, note=note)


#: What changes the plan, as the argument `plan`.
plan_options = collected(
    PlanChoices,
    "plan",
    (
        click.option(
            "--appendix",
            default="",
            metavar="TEXT",
            help="Instructions to append to the generated Dockerfile.",
        ),
        click.option(
            "--build-arg",
            "build_args",
            multiple=True,
            metavar="K=V",
            help="Build argument for the repository's own Dockerfile; repeatable.",
        ),
        click.option(
            "--build-network",
            type=click.Choice(["default", "none"]),
            default="default",
            show_default=True,
            help="Network for `postBuild` and for steps of the repository's own Dockerfile.",
        ),
        click.option(
            "--label", "labels", multiple=True, metavar="K=V", help="Label of the image; repeatable."
        ),
        click.option(
            "--target-repo-dir",
            "repo_dir",
            metavar="DIR",
            help="Directory for the repository's files. [default: home directory]",
        ),
        click.option(
            "--user-id", default=1000, show_default=True, help="Numeric id of the user in the image."
        ),
        click.option(
            "--user-name", default="jovyan", show_default=True, help="Name of the user in the image."
        ),
        click.option(
            "--rstudio", is_flag=True, help="Add RStudio to an image with R, as Binder does, at `/rstudio`."
        ),
        click.option(
            "--replace",
            "replacements",
            multiple=True,
            metavar="OLD=NEW",
            help="Replace the requirement OLD with NEW, or remove it with `OLD=`; repeatable.",
        ),
        click.option(
            "--apt", multiple=True, metavar="NAME", help="Install an additional Debian package; repeatable."
        ),
        click.option(
            "--group",
            "groups",
            multiple=True,
            metavar="NAME",
            help="Install an additional dependency group; repeatable.",
        ),
        click.option(
            "--extra",
            "extras",
            multiple=True,
            metavar="NAME",
            help="Install an extra (optional dependencies) of the project; repeatable.",
        ),
        click.option(
            "--installer",
            type=click.Choice(["uv", "pip"]),
            default="uv",
            show_default=True,
            help="Installer for Python packages; `pip` is a version before 24.1, for old releases.",
        ),
        as_of_option,
        click.option("--python", metavar="X.Y", help="Python version; overrides the repository's files."),
        click.option(
            "--base-image", metavar="IMAGE", help="Base image: Debian, Ubuntu, or derived from one."
        ),
    ),
)


def engine_option(purpose: str) -> Callable[[Function], Function]:
    return click.option(
        "--engine",
        type=click.Choice(get_args(EngineChoice)),
        default="auto",
        show_default=True,
        help=purpose,
    )


def _readable(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> Path | None:
    """A file that is named and cannot be used is a mistake, also where nothing would be built with it."""
    if file is not None:
        from r2i.host.certificates import certificates

        certificates(file, "--ca-bundle")
    return file


def ca_bundle_option(function: Function) -> Function:
    return click.option(
        "--ca-bundle",
        type=click.Path(path_type=Path),
        metavar="FILE",
        callback=_readable,
        help="Additional CA certificates for build steps. [default: $SSL_CERT_FILE]",
    )(function)


def _replacements(values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise UsageError(f"`--replace {value}` has no `=`", hint="Write `--replace OLD=NEW`")
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


@contextmanager
def checked_out(source: Source) -> Iterator[tuple[Checkout, Source]]:
    """The repository on this machine, for as long as it is needed, and the source as it is now known."""
    from r2i.sources import fetched, resolve

    revision = resolve(source, environ=os.environ, report=note)
    with fetched(revision.source, environ=os.environ, report=note, revision=revision) as checkout:
        yield checkout, revision.source


def note(message: str, **fields: Json) -> None:
    """Tell the user something that is not the product; `fields` go with it where a program reads."""
    if isinstance(message, Momentary) and not passing_line.show(message):
        return
    passing_line.settle()
    if for_programs.get():
        import json

        message = json.dumps({**fields, "message": click.unstyle(message)})
    click.echo(message, err=True)


def warn(message: str) -> None:
    note(f"{click.style('Warning:', fg='yellow')} {printable(message)}")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(amount: int) -> str:
    """An amount of bytes for people."""
    from r2i.sources.web.bounds import in_words

    return in_words(amount)


def show_diff(lines: Iterable[str]) -> None:
    """Lines of a diff, in its usual colours."""
    for line in lines:
        note(click.style(printable(line), fg=DIFF_COLOURS.get(line[:1])))


def agreed(question: str, *, default: bool = True) -> bool:
    """What somebody at the terminal answers; `default` is the answer of the Enter key alone."""
    try:
        return click.confirm(question, default=default, err=True)
    except click.Abort:
        click.echo(err=True)  # the cursor is still behind the question, and `^C`
        raise


def show_warnings(notices: Iterable[Notice]) -> None:
    """What may surprise, on stderr; the rest stands in `r2i plan`."""
    for notice in notices:
        if notice.level == "warning":
            file = notice.file or ""
            place = f"{file}:{notice.line}: " if notice.line else f"{file}: " if file else ""
            warn(f"{place}{notice.message}")
