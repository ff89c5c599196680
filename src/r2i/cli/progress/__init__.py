"""What happens on stderr: live on a terminal, by lines in a log, as JSON for programs. See docs/progress.md.

`layers` shows a build, `runs` what `r2i check --execute` runs. Each has a board that takes events and has the words;
the renderers are the same for both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Protocol, TextIO, TypeAlias, TypeVar

from r2i.cli.output import of_others, unguarded
from r2i.cli.progress.board import Board, RowT, StepT
from r2i.cli.progress.lines import JsonRenderer, PlainRenderer

Kind: TypeAlias = Literal["auto", "rich", "plain", "json"]
_Step_contra = TypeVar("_Step_contra", contravariant=True)


class Renderer(Protocol[_Step_contra]):
    def start(self) -> None: ...

    def event(self, event: _Step_contra) -> None: ...

    def finish(self, *, ok: bool) -> None:
        """Called once, whatever happened; the terminal is as it was before."""


@contextmanager
def showing(
    kind: Kind, board: Board[StepT, RowT], *, stream: TextIO | None = None
) -> Iterator[Callable[[StepT], None]]:
    """Show on stderr what the listener hears while the block lasts."""
    stream = stream or sys.stderr
    shown = renderer(kind, board, stream=stream, environ=os.environ)
    with of_others(stream):
        shown.start()
        try:
            yield shown.event
        except BaseException:
            shown.finish(ok=False)
            raise
        shown.finish(ok=True)


def renderer(
    kind: Kind, board: Board[StepT, RowT], *, stream: TextIO, environ: Mapping[str, str]
) -> Renderer[StepT]:
    """Live progress needs a terminal that moves its cursor and knows Unicode; everything else gets lines."""
    if kind == "json":
        return JsonRenderer(board, stream)
    if kind == "plain" or not _moves(stream, environ):
        return PlainRenderer(board, stream)
    from rich.console import Console

    from r2i.cli.progress.live import LiveRenderer

    return LiveRenderer(board, Console(file=unguarded(stream)))


def _moves(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether it is a terminal on which lines can be drawn over."""
    return (
        stream.isatty()
        and environ.get("TERM", "dumb") != "dumb"
        and stream.encoding.lower().startswith("utf")
    )
