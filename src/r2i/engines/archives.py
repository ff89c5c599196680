"""Archives of images in the local store, for engines that write none while they build."""

from __future__ import annotations

import tarfile
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

from r2i.engines import EngineName
from r2i.engines.context import Workspace
from r2i.engines.failure import engine_failure
from r2i.engines.outputs import Output
from r2i.engines.protocol import StepEvent
from r2i.errors import EngineError
from r2i.model import Image


def save(
    engine: EngineName,
    image: Image,
    tags: tuple[str, ...],
    files: Workspace,
    listen: Callable[[StepEvent], None],
    *,
    env: Mapping[str, str],
) -> None:
    """Write all archives of a build; raise `EngineError` where the engine cannot."""
    for output, draft in files.archives.items():
        assert output.destination is not None  # noqa: S101 - drafts are of archives
        event = partial(StepEvent, step=str(draft), text=f"exporting to {output.destination.name}")
        began, said = monotonic(), deque[str](maxlen=20)
        listen(event(state="started"))
        argv = [engine, "save", f"--output={draft}", *_form(engine, output), "--", *(tags or (image.id,))]
        done = files.run(
            tuple(argv), said.append, env=env, guard="children" if engine == "podman" else "program"
        )
        listen(event(state="done" if done is not None else "failed", seconds=monotonic() - began))
        if done is None:
            raise engine_failure("\n".join(said), engine)
        if output.kind == "oci" and engine == "docker":
            _check_layout(draft.as_posix())


def _form(engine: EngineName, output: Output) -> tuple[str, ...]:
    """Those of Docker are both, since version 25."""
    return (f"--format={output.kind}-archive",) if engine == "podman" else ()


def _check_layout(archive: str) -> None:
    with tarfile.open(archive) as members:
        if "oci-layout" not in members.getnames():
            raise EngineError(
                "Docker before 25 writes no OCI archives",
                hint="Update Docker, or use a builder that does: `docker buildx create --use`",
            )
