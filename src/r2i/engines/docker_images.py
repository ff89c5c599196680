"""The images of Docker's store, all at once through its SDK: the CLI would start a process for each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from r2i.engines.docker_container import client_for, translated
from r2i.engines.protocol import HistoryStep, StoredImage

if TYPE_CHECKING:
    import docker

NAMELESS = "<none>:<none>"


def stored(
    label: str | None, environ: Mapping[str, str], endpoint: Mapping[str, Any]
) -> tuple[StoredImage, ...]:
    with translated(), closing(client_for(endpoint, environ)) as client:
        used = {found["ImageID"] for found in client.api.containers(all=True)}
        listed = client.api.images(filters={"label": label} if label else None)
        read = (_read(client, found, in_use=found["Id"] in used) for found in listed)
        return tuple(image for image in read if image is not None)


def _read(client: docker.DockerClient, found: Mapping[str, Any], *, in_use: bool) -> StoredImage | None:
    import docker

    try:
        history = client.api.history(found["Id"])  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound:  # removed in the meantime
        return None
    return StoredImage(
        id=found["Id"],
        references=tuple(name for name in found.get("RepoTags") or () if name != NAMELESS),
        size=int(found["Size"]),
        created=float(found["Created"]),
        labels=found.get("Labels") or {},
        history=tuple(
            HistoryStep(
                created=str(step["Created"]), instruction=str(step["CreatedBy"]), size=int(step["Size"])
            )
            for step in reversed(history)
        ),
        in_use=in_use,
    )
