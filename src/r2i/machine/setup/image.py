"""The step that makes a base image from the packages of its distribution."""

from __future__ import annotations

from pathlib import Path

from r2i.engines import EngineName
from r2i.errors import EngineError
from r2i.facts.pins import base_image, is_distribution
from r2i.machine import Machine
from r2i.machine.setup.steps import Action, Run, SetupStep, apt

#: Files of the distribution that no image needs; what Debian's own slim images leave out.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
KEPT = ("/usr/share/doc/*/copyright",)

#: As in the images of the registries: a build that is cut off is built anew, so no file needs syncing.
UNSYNCED = "--dpkgopt=force-unsafe-io"

KEYRINGS = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}

#: Files made today must not differ from those made tomorrow: the first day of Debian 13.
IMAGE_TIME = 1754697600


def plan_image(
    engine: EngineName, machine: Machine, *, base: str | None, scratch: Path, known_missing: bool
) -> SetupStep:
    """Make the base image from the distribution's packages, under the name that a registry has it by."""
    image = base_image(base)
    release = image.release
    if release is None or not is_distribution(image):
        raise EngineError(
            f"`{image.reference}` cannot be built from packages",
            hint="Make the image available to the engine",
        )
    prepare: tuple[Action, ...] = ()
    if machine.which("mmdebstrap") is None:
        prepare = apt(machine, "mmdebstrap", KEYRINGS[release.distribution])
    rootfs = str(scratch / "rootfs.tar")
    excluded = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    included = [f"--dpkgopt=path-include={path}" for path in KEPT]
    # Who may use Podman without root has the ids with which mmdebstrap needs none, either.
    make = (
        *(machine.sudo if engine == "docker" else ()),
        *("env", f"SOURCE_DATE_EPOCH={IMAGE_TIME}", "mmdebstrap", "--quiet", "--variant=minbase"),
        *("--include=ca-certificates", UNSYNCED, *excluded, *included, release.name, rootfs),
    )
    take = (*machine.engine_prefix, engine, "import", "--change", 'CMD ["bash"]', rootfs, image.reference)
    condition = "" if known_missing else ", unless a registry provides it"
    return SetupStep(
        title=f"Build the base image `{image.reference}` from packages{condition}",
        actions=(*prepare, Run(argv=make), Run(argv=take)),
        only_without=image.reference,
    )
