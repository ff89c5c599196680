"""The workflow: find again, build, rescue, record, name, export, launch. Neither prints nor reads the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from r2i.building.listener import Listener
    from r2i.building.settings import BuildSettings
    from r2i.model import Image


def build(
    source: str,
    settings: BuildSettings | None = None,
    *,
    environ: Mapping[str, str],
    listener: Listener | None = None,
    directory: Path | None = None,
) -> Image:
    """The image of what `r2i build` takes as SOURCE, built if needed.

    Proxies, certificates, engines and git are found by `environ`; a relative path is one of `directory`, or else of the
    working directory. Raises an `R2iError`, whose classes are the exit codes of the command line.
    """
    from r2i.building.builder import Builder
    from r2i.building.listener import Silent
    from r2i.building.rescuing import rescued
    from r2i.building.settings import BuildSettings
    from r2i.engines.choice import choose
    from r2i.sources import parse

    wanted = settings or BuildSettings()
    understood = parse(source, cwd=(directory or Path()).absolute())
    home = Path(environ["HOME"]) if "HOME" in environ else Path.home()
    engine = choose(wanted.engine, environ, builder=wanted.builder)
    builder = Builder(engine=engine, environ=environ, home=home, listener=listener or Silent())
    return rescued(builder, understood, wanted).image
