"""`--as-of` as an option."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import click

from r2i.cli.choices import Function
from r2i.formats.as_of import moment_of
from r2i.model import Evidence, Options

if TYPE_CHECKING:
    from r2i.building.settings import DateAsked


def as_of_option(function: Function) -> Function:
    return click.option(
        "--as-of",
        metavar="DATE|commit|auto",
        callback=_checked,
        help="Install packages as of DATE, as of the last change to the environment files (`commit`), "
        "or the latter only if that change is over a year old (`auto`).",
    )(function)


def _checked(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in {"commit", "auto"}:
        moment_of(value)
    return value


def with_date(options: Options, value: str | None) -> Options:
    """The options with a date that was typed."""
    if value is None or value in {"commit", "auto"}:
        return options
    return replace(options, as_of=moment_of(value), as_of_evidence=Evidence(why=f"`--as-of {value}`"))


def asked(value: str | None) -> DateAsked | None:
    return cast("DateAsked", value) if value in {"commit", "auto"} else None
