"""Docker: `docker buildx` builds, the SDK runs containers, and the CLI answers what has to be quick.

What only a build or a container needs is imported there: that nothing has changed should be said at once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from r2i import process
from r2i.engines.bounds import BoundName, exceeded
from r2i.engines.environment import child_environment, passed_by_name
from r2i.engines.inspection import inspected
from r2i.engines.outputs import in_store, output_words, put
from r2i.engines.platforms import platform_name
from r2i.engines.protocol import (
    BuildRequest,
    Container,
    RegistryLogin,
    RunRequest,
    StepEvent,
    StoredImage,
    TransferError,
    TransferEvent,
    pulled,
)
from r2i.engines.removal import not_removed, removable
from r2i.errors import BuildFailedError, EngineError, R2iError
from r2i.facts.minimums import DOCKER, written
from r2i.model import Image

if TYPE_CHECKING:
    from r2i.engines.buildkit import SolveProgress
    from r2i.engines.context import Workspace
    from r2i.engines.watch import Watch

#: The build argument that BuildKit puts before the id of every cache; it stands neither in the history nor in a variable.
CACHE_NAMESPACE = "BUILDKIT_CACHE_MOUNT_NS"

#: Steps that no instruction asked for; the last lines of buildx say more of them than they do.
OWN_STEPS = ("[internal]", "[context ", "exporting ", "importing ", "resolve image config")

#: A name that no step asks for, whose address tells the steps of one build from those of others. BuildKit leaves the
#: address out of the key of its cache, so it may be another one each time.
HOST = "r2i.invalid"

#: What BuildKit says where a source policy forbids something.
DENIED_SOURCE = re.compile(r'source "([^"\n]*)" denied by policy')

NO_BUILDX = "The Docker plugin buildx is missing, and r2i requires it"


def build_argv(
    request: BuildRequest,
    files: Workspace,
    *,
    build_args: Sequence[str] = (),
    address: str = "::1",
    exports: bool = True,
) -> tuple[str, ...]:
    """`--load` brings the image from a builder that has a store of its own; for Docker's own it changes nothing.

    A builder that `exports` no archives brings the image into the store, of which they are made. BuildKit's cache knows limits apart, so of a build without options they are always the same.
    """
    return (
        "docker",
        "buildx",
        "build",
        "--progress=rawjson",
        f"--file={files.dockerfile}",
        *((f"--build-context=r2i={files.support}",) if files.support else ()),
        f"--iidfile={files.image_id}",
        f"--ulimit=fsize={request.bounds.image_size}",
        f"--add-host={HOST}:{address}",
        *(() if request.network else ("--network=none",)),
        *(f"--secret=id={id_},src={path}" for id_, path in files.secrets.items()),
        *(f"--tag={tag}" for tag in request.tags),
        *(f"--label={name}={value}" for name, value in request.labels.items()),
        *(f"--build-arg={word}" for word in build_args),
        *(("--no-cache",) if request.no_cache else ()),
        # Hosts are part of the key under which BuildKit keeps a layer; the names of caches are not.
        *((f"--add-host={request.layer_namespace}.invalid:127.0.0.1",) if request.layer_namespace else ()),
        *((f"--platform={','.join(request.platforms)}",) if request.platforms else ()),
        *(f"--cache-from={cache.word}" for cache in request.cache_from),
        *(f"--cache-to={cache.word}" for cache in request.cache_to),
        *((f"--metadata-file={files.metadata}",) if request.outputs else ()),
        *output_words(request.outputs, files.archives if exports else {}),
        *request.arguments,
        "--",
        str(request.context),
    )


@dataclass(frozen=True)
class Docker:
    """`environ` decides which daemon: `DOCKER_HOST`, `DOCKER_CONTEXT`, or what `docker context use` chose."""

    environ: Mapping[str, str]
    run: process.Runner = process.run

    @property
    def name(self) -> Literal["docker"]:
        return "docker"

    def installed(self) -> bool:
        """Podman, too, comes with a command `docker`."""
        done = self._ask("--version")
        return done.returncode == 0 and "podman" not in (done.stdout + done.stderr).lower()

    def check(self) -> None:
        """Raise `EngineError` where there is no Docker that can build. The CLI knows contexts, TLS and ssh."""
        done = self._ask("version", "--format", "{{json .Server}}")
        if done.returncode == 127:
            raise EngineError("Docker is not installed", hint="Run `r2i setup`")
        server = _json(done.stdout)
        names = [str(part.get("Name", "")) for part in server.get("Components") or ()]
        if any("podman" in name.lower() for name in names) or "podman" in done.stderr.lower():
            raise EngineError(
                "The `docker` command is Podman, which r2i cannot use through it",
                hint="Pass `--engine podman`",
            )
        if done.returncode or not server:
            raise _trouble(done.stderr)
        version = str(server.get("Version", ""))
        major = version.partition(".")[0]
        if not major.isdigit() or (int(major),) < DOCKER:
            raise EngineError(
                f"Docker {version} is too old: r2i needs version {written(DOCKER)} or newer",
                hint="Run `r2i setup`",
            )

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        from r2i.engines.buildkit import SolveProgress
        from r2i.engines.context import workspace
        from r2i.engines.source_policy import VARIABLE, source_policy
        from r2i.engines.steps import DockerSteps, fresh_address
        from r2i.engines.watch import NoSteps, Watch
        from r2i.formats.dockerfile import stages

        words, env = self._variables(request)
        progress = SolveProgress(stages(request.dockerfile.text), listen)
        address = fresh_address()
        watch = Watch(request.bounds, DockerSteps(self._ask, address) if os.getuid() == 0 else NoSteps())
        with workspace(request, request.dockerfile.text) as files:
            if files.logins is not None:
                env |= _with_logins(files.logins, env)
            if request.sources is not None:
                policy = files.dockerfile.with_name("policy.json")
                policy.write_text(source_policy(request.sources), encoding="utf-8")
                env[VARIABLE] = str(policy)
            exports = not files.archives or self._exports()
            given = [*words, *request.proxies]
            argv = build_argv(request, files, build_args=given, address=address, exports=exports)
            image_id = files.run(argv, progress.feed, env=env, guard="program", during=watch.over)
            if image_id is None or watch.exceeded:
                raise self._build_failure(progress, watch, request)
            return self._delivered(request, image_id, files, listen, exports=exports)

    def _variables(self, request: BuildRequest) -> tuple[list[str], dict[str, str]]:
        """The build arguments, and the environment of buildx."""
        from r2i.engines.layer_cache import cache_environment

        env = child_environment(self.environ)
        env |= cache_environment((*request.cache_from, *request.cache_to), self.environ)
        given = dict(request.build_args)
        if request.cache_namespace:
            given[CACHE_NAMESPACE] = request.cache_namespace
        words, added = passed_by_name(given, env)
        # Attestations would make every image an index, with other digests each time.
        return words, {
            **env,
            **added,
            **request.proxies,
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "BUILDX_GIT_INFO": "0",
            "BUILDX_GIT_LABELS": "0",
        }

    def _delivered(
        self,
        request: BuildRequest,
        image_id: str,
        files: Workspace,
        listen: Callable[[StepEvent], None],
        *,
        exports: bool,
    ) -> Image:
        """The image, once it is wherever it was asked for."""
        from r2i.engines.archives import save

        stored = not exports or in_store(request.outputs)
        image = self._built(request, image_id) if stored else Image(reference="", id=image_id)
        if not exports:
            save("docker", image, request.tags, files, listen, env=child_environment(self.environ))
        sizes = (image.size, *(path.stat().st_size for path in files.archives.values()))
        if max(sizes) > request.bounds.image_size:
            if stored:
                self._ask("image", "rm", "--force", "--", *(request.tags or (image_id,)))
            raise exceeded("image_size", request.bounds, step="", line=None)
        put(files.archives)
        return image if not request.outputs else _as_told(image, request, files.metadata)

    def _exports(self) -> bool:
        """Whether the builder writes archives, which that of Docker does with the image store of containerd only."""
        status = "--format={{json .DriverStatus}}"
        return not self._builds_itself() or "io.containerd.snapshotter" in self._ask("info", status).stdout

    def unbounded(self) -> Mapping[BoundName, str]:
        from r2i.engines.steps import directory_of_this_machine

        reason = ""
        if os.getuid() != 0:
            reason = "only root can limit steps that the Docker daemon runs"
        elif directory_of_this_machine(self._ask) is None:
            reason = "Docker runs steps on another machine, or stores images in containerd"
        elif not self._builds_itself():
            reason = "the active builder is not the default Docker builder"
        names: tuple[BoundName, ...] = ("memory", "cpus", "processes", "image_files")
        return dict.fromkeys(names, reason) if reason else {}

    def _builds_itself(self) -> bool:
        found = re.search(r"^Driver:\s*(\S+)", self._ask("buildx", "inspect").stdout, re.MULTILINE)
        return found is not None and found[1] == "docker"

    def find(self, reference: str) -> Image | None:
        """By the CLI: 13 ms, where importing the SDK alone takes 240."""
        done = self._ask("image", "inspect", "--", reference)
        if done.returncode == 0:
            return inspected(reference, json.loads(done.stdout)[0])
        if "no such image" in done.stderr.lower() or "invalid reference format" in done.stderr.lower():
            return None
        raise _trouble(done.stderr)

    def stored(self, label: str | None = None) -> tuple[StoredImage, ...]:
        from r2i.engines.docker_images import stored

        return stored(label, self.environ, self.endpoint())

    def remove(self, image: StoredImage) -> None:
        """By the CLI: what it says where it refuses has no URLs of the daemon in it."""
        for name in removable(image, self.find):
            done = self._ask("image", "rm", "--", name)
            if done.returncode and "no such image" not in done.stderr.lower():
                raise not_removed(done.stderr, "docker")

    def digest(self, reference: str) -> str | None:
        # BuildKit pulls into its cache and not into the store, so only the registry knows.
        words = ("buildx", "imagetools", "inspect", "--format={{.Manifest.Digest}}", reference)
        done = self._ask(*words)
        return done.stdout.strip() if done.returncode == 0 else None

    def platform(self) -> str:
        done = self._ask("version", "--format={{.Server.Os}}/{{.Server.Arch}}")
        if done.returncode:
            raise _trouble(done.stderr)
        return platform_name(*done.stdout.strip().split("/"))

    def tag(self, image: str, reference: str) -> None:
        done = self._ask("image", "tag", "--", image, reference)
        if done.returncode:
            raise _trouble(done.stderr)

    def push(
        self, image: str, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]
    ) -> str:
        """Docker pushes a name and no id: another program may have given it to another image."""
        from r2i.engines.docker_transfer import push

        self.tag(image, name)
        digest = push(name, login, listen, self.environ, self.endpoint())
        done = self._ask("image", "inspect", "--format={{json .RepoDigests}}", "--", image)
        if digest != image and digest not in done.stdout:
            raise EngineError(
                f"Another program gave the name `{name}` to another image, which is what was pushed",
                hint="Try again, or choose another `--tag`",
            )
        return digest

    def pull(self, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]) -> Image:
        from r2i.engines.docker_transfer import pull

        pull(name, login, listen, self.environ, self.endpoint())
        return pulled(self.find(name), name)

    def texts(self, reference: str, paths: Sequence[str]) -> tuple[str, ...]:
        from r2i.engines.docker_container import texts

        return texts(reference, paths, self.environ, self.endpoint())

    def processors(self) -> int:
        done = self._ask("info", "--format={{.NCPU}}")
        if done.returncode:
            raise _trouble(done.stderr)
        return int(done.stdout)

    def memory(self) -> int:
        done = self._ask("info", "--format={{.MemTotal}}")
        if done.returncode:
            raise _trouble(done.stderr)
        return int(done.stdout)

    def start(self, request: RunRequest) -> AbstractContextManager[Container]:
        from r2i.engines.docker_container import started

        return started(request, self.environ, self.endpoint())

    def endpoint(self) -> Mapping[str, Any]:
        """What `docker context inspect` says of the context in use, which the SDK does not know of."""
        done = self._ask("context", "inspect")
        if done.returncode:
            raise _trouble(done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)[0]
        return found

    def _ask(self, *words: str) -> process.Completed:
        return self.run(("docker", *words), env=child_environment(self.environ), timeout=60)

    def _built(self, request: BuildRequest, image_id: str) -> Image:
        image = self.find(image_id) or (self.find(request.tags[0]) if request.tags else None)
        if image is None:
            raise EngineError(
                "The build succeeded, but Docker does not have the image",
                hint="Run `docker buildx use default` to build in Docker itself",
            )
        reference = request.tags[0] if request.tags else image_id
        return replace(image, reference=reference)

    def _build_failure(
        self, progress: SolveProgress, watch: Watch, request: BuildRequest
    ) -> R2iError | TransferError:
        from r2i.engines.failure import (
            engine_failure,
            no_buildx,
            not_pushed,
            old_buildx,
            shortened,
            silent_builder,
            step_failure,
            without_emulation,
        )

        said = "\n".join(progress.text)
        step = progress.failed
        if at := step or progress.running:
            words, line, log, error = shortened(at.text), at.line, tuple(at.tail), at.error
        else:
            words, line, log, error = "", None, (), ""
        bounded = watch.failure(step=words, line=line, log=log, error=error)
        foreign = without_emulation((*log, error), request.platforms)
        unpushed = not_pushed(step.text if step else "", error, said) if _pushed(request) else None
        if known := bounded or foreign or silent_builder(words, said) or unpushed:
            return known
        if denied := DENIED_SOURCE.search(said):
            return _denied(denied[1])
        if step is not None and not step.text.startswith(OWN_STEPS):
            return step_failure(step.text, step.error, line=step.line, log=tuple(step.tail), engine="docker")
        if no_buildx(said):
            return EngineError(
                NO_BUILDX,
                hint="Install the package `docker-buildx` (from Debian or Ubuntu)"
                " or `docker-buildx-plugin` (from Docker), or run `r2i setup`",
            )
        if old_buildx(said):
            return EngineError(
                "The Docker plugin buildx is too old: r2i needs 0.13 or newer", hint="Run `r2i setup`"
            )
        return _syntax_failure(said) or engine_failure(said, "docker", request.platforms)


def _as_told(image: Image, request: BuildRequest, metadata: Path) -> Image:
    """What buildx says of an image that it handed over."""
    told = _json(metadata.read_text(encoding="utf-8"))
    digest = str(told.get("containerimage.digest", "")) or None
    if image.reference:
        return replace(image, digest=digest) if _pushed(request) else image
    kept = any(output.kind != "none" for output in request.outputs)
    single = told.get("containerimage.descriptor", {}).get("platform", {})
    platform = f"{single['os']}/{single['architecture']}" if single else ""
    return Image(
        reference=request.tags[0] if kept and request.tags else "",
        id=image.id,
        digest=digest,
        labels=request.labels,
        platform=platform,
    )


def _pushed(request: BuildRequest) -> bool:
    return any(output.kind == "registry" for output in request.outputs)


def _with_logins(directory: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Docker with other logins and everything else as the user has it: contexts, plugins, builders."""
    own = Path(env.get("DOCKER_CONFIG") or Path(env["HOME"], ".docker"))
    for entry in own.iterdir() if own.is_dir() else ():
        if entry.name != "config.json":
            (directory / entry.name).symlink_to(entry.absolute())
    return {"DOCKER_CONFIG": str(directory), "BUILDX_CONFIG": env.get("BUILDX_CONFIG") or str(own / "buildx")}


def _denied(source: str) -> R2iError:
    """The Dockerfile itself was checked before."""
    from r2i.engines.own_dockerfile.refusals import TRUST

    name = source.removeprefix("docker-image://").removeprefix("docker.io/").removeprefix("library/")
    return BuildFailedError(
        f"A base image asks the engine for `{name}`, which the `Dockerfile` does not name",
        hint=f"Use a base image without such an `ONBUILD`, or {TRUST}",
    )


def _trouble(said: str) -> R2iError:
    from r2i.engines.failure import engine_failure

    return engine_failure(said, "docker")


def _syntax_failure(said: str) -> BuildFailedError | None:
    """BuildKit reads the whole Dockerfile before the first step; it names the line where it cannot."""
    match = re.search(r"dockerfile parse error on line (\d+): ([^\n]+)", said)
    if match is None:
        match = re.search(
            r"(?m)^Dockerfile:(\d+)\n(?s:.*)^ERROR: failed to solve: (?!\S+: failed to resolve)([^\n]+)", said
        )
    if match is None or "failed to resolve source metadata" in match[2] or "pull access denied" in match[2]:
        return None
    return BuildFailedError(f"The Dockerfile is wrong: {match[2]}", dockerfile_line=int(match[1]))


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "null")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
