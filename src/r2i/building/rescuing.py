"""Build, and where a step fails for a cause that is known, build again with the change that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from r2i.building.builder import Builder
from r2i.building.metadata import write_metadata
from r2i.building.rescue import (
    MOST_CHANGES,
    Made,
    in_effect,
    next_change,
    with_change,
)
from r2i.building.settings import BuildSettings
from r2i.errors import EngineError, R2iError, TemporaryError, UsageError
from r2i.model import Change, Image, Source


@dataclass(frozen=True, kw_only=True)
class Rescued:
    """An image, and the changes without which there were none; nothing was `made` where it builds as it is."""

    image: Image
    made: tuple[Made, ...] = ()


def rescued(builder: Builder, source: Source, settings: BuildSettings) -> Rescued:
    """The image as the settings want it, rescued and pushed where they say so; raises the failure that no change mends."""
    builder.prepare(settings)
    if settings.rescue:
        done = _rescued(builder, source, settings)
    else:
        done = Rescued(image=builder.image(source, settings))
    image = builder.published(done.image, settings)
    if settings.metadata_file is not None:
        write_metadata(
            settings.metadata_file, image, builder.account, engine=builder.engine.name, settings=settings
        )
    return replace(done, image=image)


def _rescued(builder: Builder, source: Source, settings: BuildSettings) -> Rescued:
    made: list[Made] = []
    tried: list[Change] = []
    failure: R2iError | None = None
    while True:
        try:
            image = builder.image(source, with_changes(settings, made))
        except EngineError:
            raise
        except TemporaryError as error:
            if failure is None:
                raise
            # Only the change could not be tried: what is wrong with the repository is known.
            builder.listener.refused(error)
            raise failure from error
        except R2iError as error:
            if _says_more(error, failure):
                failure = error
            elif failure is None:
                raise
            else:
                # The last change led nowhere; another one for the same failure may.
                made.pop()
                if isinstance(error, UsageError):
                    builder.listener.refused(error)
            made.append(_next(builder, failure, tried, settings))
        else:
            return Rescued(image=image, made=in_effect(made))


def with_changes(settings: BuildSettings, made: Sequence[Made]) -> BuildSettings:
    options, as_of = settings.options, settings.as_of
    for each in made:
        options = with_change(options, each.change)
        as_of = "commit" if each.change.option == "as-of" else as_of
    return replace(settings, options=options, as_of=as_of)


def _says_more(error: R2iError, failure: R2iError | None) -> bool:
    """Whether another cause is known now than before."""
    found, before = error.diagnosis, failure.diagnosis if failure else None
    if found is None or not found.changes:
        return False
    return before is None or (found.cause, found.evidence) != (before.cause, before.evidence)


def _next(builder: Builder, failure: R2iError, tried: list[Change], given: BuildSettings) -> Made:
    """The change to try now; raise the failure where there is none."""
    found = failure.diagnosis
    assert found is not None  # noqa: S101 - for mypy
    dated = given.as_of is not None or given.options.as_of is not None
    change = next_change(found, tried, given.options, dated=dated) if len(tried) < MOST_CHANGES else None
    if change is None:
        if tried:
            builder.listener.nothing_helped(tried)
        raise failure
    tried.append(change)
    builder.listener.trying(failure, change, attempt=len(tried))
    return Made(change=change, why=found.message, file=failure.file, line=failure.line)
