"""Podman, rootless too, through its command line: there is no daemon to talk to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from r2i import process
from r2i.engines import ownership
from r2i.engines.bounds import BoundName, exceeded
from r2i.engines.container_limits import PROCESSES, default_memory
from r2i.engines.docker_container import GRACE
from r2i.engines.environment import child_environment, passed_by_name, steps_in_chroot
from r2i.engines.failure import (
    engine_failure,
    last_line,
    shortened,
    start_failure,
    step_failure,
    without_emulation,
)
from r2i.engines.files import LARGEST_TEXT, archive, text_in
from r2i.engines.inspection import inspected
from r2i.engines.layer_cache import for_podman
from r2i.engines.outputs import put
from r2i.engines.platforms import platform_name
from r2i.engines.podman_caches import temporary
from r2i.engines.podman_container import PodmanContainer, create_argv
from r2i.engines.protocol import (
    BuildRequest,
    Container,
    HistoryStep,
    RegistryLogin,
    RunRequest,
    Sources,
    StageBase,
    StepEvent,
    StoredImage,
    TransferEvent,
    pulled,
)
from r2i.engines.removal import not_removed, removable
from r2i.errors import BuildFailedError, EngineError, R2iError
from r2i.facts.minimums import PODMAN, written
from r2i.model import Image

if TYPE_CHECKING:
    from r2i.engines.buildah import BuildProgress
    from r2i.engines.context import Workspace
    from r2i.engines.watch import Watch

#: The bounds that r2i keeps itself, from outside of the steps.
WATCHED: tuple[BoundName, ...] = ("processes", "image_files")

CONTROLLERS: Mapping[BoundName, str] = {"memory": "memory", "cpus": "cpu", "processes": "pids"}

NO_IMAGE = re.compile(
    "image not known|no such image|invalid reference format|repository name must", re.IGNORECASE
)

#: How often a build begins that other programs overtake, each time from the cache of what it has built.
ATTEMPTS = 5


def build_argv(request: BuildRequest, files: Workspace, *, build_args: Sequence[str] = ()) -> tuple[str, ...]:
    """`--format=docker` keeps `SHELL` and health checks, which OCI's format does not have."""
    return (
        "podman",
        "build",
        "--layers",
        "--format=docker",
        # Podman would add its own proxies to each step, those of this machine only, too.
        "--http-proxy=false",
        f"--file={files.dockerfile}",
        f"--ignorefile={files.ignore}",
        *((f"--build-context=r2i={files.support}",) if files.support else ()),
        f"--iidfile={files.image_id}",
        f"--ulimit=fsize={request.bounds.image_size}",
        *((f"--memory={request.bounds.memory}",) if request.bounds.memory is not None else ()),
        *_share(request.bounds.cpus),
        *(() if request.network else ("--network=none",)),
        *(f"--secret=id={id_},src={path}" for id_, path in files.secrets.items()),
        *(f"--tag={tag}" for tag in _names(request)),
        *(f"--label={name}={value}" for name, value in request.labels.items()),
        *(f"--build-arg={word}" for word in build_args),
        *(("--no-cache",) if request.no_cache else ()),
        *(f"--platform={platform}" for platform in request.platforms),
        *for_podman("--cache-from", request.cache_from),
        *for_podman("--cache-to", request.cache_to),
        *request.arguments,
        "--",
        str(request.context),
    )


def _share(cpus: float | None) -> tuple[str, ...]:
    """`podman build` has no `--cpus`: so many microseconds of each tenth of a second."""
    return () if cpus is None else ("--cpu-period=100000", f"--cpu-quota={max(1000, int(cpus * 100_000))}")


@dataclass(frozen=True)
class Podman:
    environ: Mapping[str, str]
    run: process.Runner = process.run

    @property
    def name(self) -> Literal["podman"]:
        return "podman"

    def installed(self) -> bool:
        return self.ask("--version").returncode != 127

    def check(self) -> None:
        """Raise `EngineError` where there is no Podman that can build."""
        done = self.ask("version", "--format", "json")
        if done.returncode == 127:
            raise EngineError("Podman is not installed", hint="Run `r2i setup --engine podman`")
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        version = str(json.loads(done.stdout)["Client"]["Version"])
        if (int(version.partition(".")[0]),) < PODMAN:
            raise EngineError(
                f"Podman {version} is too old: r2i needs version {written(PODMAN)} or newer",
                hint="Update Podman",
            )

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        from r2i.engines.buildah import BuildProgress, ToldOnce
        from r2i.engines.context import workspace
        from r2i.engines.mounts import check_mounts, with_cache_ids, with_help, without_platforms
        from r2i.engines.steps import PodmanSteps
        from r2i.engines.watch import Watch
        from r2i.formats.dockerfile import stages

        _check(request, self.environ)
        env = child_environment(self.environ, pulls=True)
        words, added = passed_by_name(request.build_args, env)
        words += _proxies(request, env)
        env |= added | temporary(request.cache_namespace)
        text = with_cache_ids(request.dockerfile.text)
        watch = Watch(request.bounds, PodmanSteps())
        with workspace(request, "") as files:
            if files.logins is not None:
                env["REGISTRY_AUTH_FILE"] = str(files.logins / "config.json")
            if request.sources is not None:
                self._pull_bases(request.sources, listen, watch, env)
                # With a platform, Podman would ask the registry once more, which may have another image by now.
                text = without_platforms(text)
            check_mounts(text, context=request.context, support=files.support)
            helped, origin = with_help(
                text,
                context=request.context,
                support=files.support,
                namespace=request.cache_namespace,
            )
            files.dockerfile.write_text(helped, encoding="utf-8", newline="")
            argv = build_argv(request, files, build_args=words)
            begin = partial(BuildProgress, stages(helped), origin, ToldOnce(listen))
            image_id, progress = _run(files, argv, begin, env=env, watch=watch)
            if image_id is None or watch.exceeded:
                raise _build_failure(progress, watch, request)
            return self._built(image_id, request, files, listen)

    def _built(
        self, image_id: str, request: BuildRequest, files: Workspace, listen: Callable[[StepEvent], None]
    ) -> Image:
        """The image, once it is wherever it was asked for."""
        from r2i.engines.archives import save

        image = self.find(image_id)
        if image is None:
            raise EngineError("The build succeeded, but Podman does not have the image", hint="Try again")
        if image.size > request.bounds.image_size:
            self.ask("image", "rm", "--force", "--", *(request.tags or (image_id,)))
            raise exceeded("image_size", request.bounds, step="", line=None)
        names = _names(request)
        save("podman", image, names, files, listen, env=child_environment(self.environ))
        put(files.archives)
        if request.tags and not names:
            return replace(image, reference="")
        return replace(image, reference=request.tags[0] if request.tags else image_id)

    def _pull_bases(
        self, sources: Sources, listen: Callable[[StepEvent], None], watch: Watch, env: Mapping[str, str]
    ) -> None:
        """A build takes what is in the store then: what these images ask for with `ONBUILD` is checked before."""
        from r2i.engines.triggers import triggers

        for base in sources.bases:
            image = self._local(base)
            if image is None:
                self._pull(base, listen, watch, env)
                image = self._local(base)
            if image is None:
                raise EngineError(
                    f"Podman pulled `{base.reference}`, but does not have it for `{base.platform}`",
                    hint="Correct the platform",
                )
            sources.check(base, replace(image, triggers=triggers(image, self._info["store"], self.ask)))
        if different := next((base for base in sources.bases if self._local(base) is None), None):
            raise BuildFailedError(
                f"`{different.reference}` is used for more than one platform, which r2i does not support with Podman",
                dockerfile_line=different.line,
                hint="Use one platform, or build with Docker",
            )

    def _local(self, base: StageBase) -> Image | None:
        image = self.find(base.reference)
        right = image and (not base.platform or base.platform.split("/")[:2] == image.platform.split("/")[:2])
        return image if right else None

    def _pull(
        self, base: StageBase, listen: Callable[[StepEvent], None], watch: Watch, env: Mapping[str, str]
    ) -> None:
        from collections import deque
        from time import monotonic

        from r2i.engines.pace import Paced

        began = monotonic()
        paced, text = Paced(listen), f"FROM {base.reference}"
        event = partial(StepEvent, step=f"pull {base.reference}", text=text, line=base.line)
        platform = (f"--platform={base.platform}",) if base.platform else ()
        argv = ("podman", "pull", *platform, "--", base.reference)
        said: deque[str] = deque(maxlen=20)
        paced(event(state="started"))
        with process.streaming(argv, env=env, guard="children", during=watch.over) as (lines, wait):
            for line in lines:
                said.append(line)
                paced(event(state="output", output=line))
            status = wait()
        if status or watch.exceeded:
            paced(event(state="failed", seconds=monotonic() - began))
            error = said[-1] if said else ""
            failure = watch.failure(step=text, line=base.line, log=tuple(said), error=error)
            raise failure or engine_failure(error, "podman")
        paced(event(state="done", seconds=monotonic() - began))

    def unbounded(self) -> Mapping[BoundName, str]:
        host = self._info["host"]
        reasons: dict[BoundName, str] = {}
        if host.get("serviceIsRemote"):
            reasons |= dict.fromkeys(WATCHED, "Podman runs steps on another machine")
        if self._rootless:
            handed = () if host.get("cgroupVersion") == "v1" else host.get("cgroupControllers") or ()
            for name, controller in CONTROLLERS.items():
                if controller not in handed:
                    reasons[name] = f"this user may not use the cgroup controller `{controller}`"
        return reasons

    def find(self, reference: str) -> Image | None:
        done = self.ask("image", "inspect", "--", reference)
        if done.returncode == 0:
            return inspected(reference, json.loads(done.stdout)[0])
        if NO_IMAGE.search(done.stderr):
            return None
        raise engine_failure(done.stderr, "podman")

    def stored(self, label: str | None = None) -> tuple[StoredImage, ...]:
        chosen = (f"--filter=label={label}",) if label else ()
        argv = ("images", "--format=json", "--no-trunc", *chosen)
        attempts = 1
        # It fails where another process removes an image at the same moment.
        while (done := self.ask(*argv)).returncode and NO_IMAGE.search(done.stderr) and attempts < ATTEMPTS:
            attempts += 1
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        read = (self._read(found) for found in json.loads(done.stdout or "[]"))
        return tuple(image for image in read if image is not None)

    def _read(self, found: Mapping[str, Any]) -> StoredImage | None:
        done = self.ask("history", "--format=json", "--no-trunc", "--", found["Id"])
        if done.returncode:  # removed in the meantime
            return None
        return StoredImage(
            id=f"sha256:{found['Id']}",
            references=tuple(found.get("Names") or ()),
            size=int(found["Size"]),
            created=float(found["Created"]),
            labels=found.get("Labels") or {},
            history=tuple(
                HistoryStep(created=step["created"], instruction=step["CreatedBy"], size=step["size"])
                for step in reversed(json.loads(done.stdout))
            ),
            in_use=bool(found.get("Containers")),
        )

    def remove(self, image: StoredImage) -> None:
        for name in removable(image, self.find):
            done = self.ask("image", "rm", "--", name)
            if done.returncode and not NO_IMAGE.search(done.stderr):
                raise not_removed(done.stderr, "podman")

    def digest(self, reference: str) -> str | None:
        return None

    def platform(self) -> str:
        return platform_name(*str(self._info["version"]["OsArch"]).split("/"))

    def tag(self, image: str, reference: str) -> None:
        done = self.ask("image", "tag", image, reference)
        if done.returncode:
            raise engine_failure(done.stderr, "podman")

    def push(
        self, image: str, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]
    ) -> str:
        from r2i.engines.podman_transfer import push

        return push(image, name, login, listen, self.environ)

    def pull(self, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]) -> Image:
        from r2i.engines.podman_transfer import pull

        pull(name, login, listen, self.environ)
        return pulled(self.find(name), name)

    def texts(self, reference: str, paths: Sequence[str]) -> tuple[str, ...]:
        """From a container of it that is never started; with a user by number, since `podman cp` first looks up its name."""
        import secrets

        name = f"r2i-{secrets.token_hex(6)}"
        labels = (f"--label={key}={value}" for key, value in ownership.labels().items())
        try:
            done = self.ask(
                "create", f"--name={name}", "--user=1:1", "--network=none", *labels, "--", reference, "none"
            )
            if done.returncode:
                raise engine_failure(done.stderr, "podman")
            env = child_environment(self.environ)
            return tuple(
                text_in(process.output(("podman", "cp", f"{name}:{path}", "-"), env=env, limit=LARGEST_TEXT))
                for path in paths
            )
        finally:
            self._remove(name)

    def processors(self) -> int:
        return int(self._info["host"]["cpus"])

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        """What Podman says of this machine: asked once, since it looks up the packages of its programs each time."""
        done = self.ask("info", "--format=json")
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @property
    def _rootless(self) -> bool:
        return bool((self._info["host"].get("security") or {}).get("rootless"))

    def _bounds(self, request: RunRequest) -> tuple[RunRequest, tuple[str, ...]]:
        """What this machine can bound: without root, its administrator may not have passed on every controller."""
        controllers = self._info["host"].get("cgroupControllers") or ()
        if request.memory is None and "memory" in controllers:
            request = replace(request, memory=default_memory(self.memory()))
        return request, (f"--pids-limit={PROCESSES}",) if "pids" in controllers else ()

    def memory(self) -> int:
        return int(self._info["host"]["memTotal"])

    @contextmanager
    def start(self, request: RunRequest) -> Iterator[Container]:
        """Create and start a container under a name of ours, so that it can be removed however far it came."""
        import secrets
        from tempfile import TemporaryDirectory

        name = f"r2i-{secrets.token_hex(6)}"
        env = child_environment(self.environ, pulls=True)
        words, added = passed_by_name(request.environment, env)
        try:
            self._remove_abandoned()
            bounded, limits = self._bounds(request)
            argv = create_argv(bounded, name, environment=words, limits=limits, rootless=self._rootless)
            self._create(argv, bounded, env=env | added)
            if request.files:
                # Without `--archive=false`, they would belong to the container's user.
                argv = ("podman", "cp", "--archive=false", "-", f"{name}:/")
                self._begin(argv, request, env=env, stdin=archive(request.files).decode())
            done = self._begin(("podman", "container", "inspect", "--format={{.Id}}", name), request, env=env)
            # Where the memory does not suffice, conmon 2.1.6 leaves a file `oom` in the directory from which it was started.
            with TemporaryDirectory(prefix="r2i-") as directory:
                self._begin(("podman", "start", name), request, env=env, cwd=Path(directory))
            yield PodmanContainer(name=name, id=done.stdout.strip(), ask=self.ask, environ=self.environ)
        finally:
            self._remove(name)

    def ask(self, *words: str, timeout: float | None = 60) -> process.Completed:
        return self.run(("podman", *words), env=child_environment(self.environ), timeout=timeout)

    def _begin(
        self,
        argv: tuple[str, ...],
        request: RunRequest,
        *,
        env: Mapping[str, str],
        stdin: str = "",
        cwd: Path | None = None,
    ) -> process.Completed:
        done = self.run(argv, env=env, stdin=stdin, cwd=cwd)
        if done.returncode:
            raise start_failure(done.stderr, request, "podman")
        return done

    def _create(self, argv: tuple[str, ...], request: RunRequest, *, env: Mapping[str, str]) -> None:
        done = self.run(argv, env=env)
        if done.returncode and "container-init binary not found" in done.stderr:
            # Debian only recommends catatonit: without it, the command is process 1.
            argv = tuple(word for word in argv if word != "--init")
            self._begin(argv, request, env=env)
        elif done.returncode:
            raise start_failure(done.stderr, request, "podman")

    def _remove_abandoned(self) -> None:
        """What a killed r2i has left may still hold the port that we are to publish."""
        done = self.ask("ps", "--all", f"--filter=label={ownership.OWNER_LABEL}", "--format=json")
        for found in json.loads(done.stdout or "[]"):
            if ownership.is_abandoned(found["Labels"][ownership.OWNER_LABEL]):
                self.ask("rm", "--force", "--volumes", "--time=0", found["Id"])

    def _remove(self, name: str) -> None:
        done = self.ask("rm", "--force", "--ignore", "--volumes", f"--time={GRACE}", name)
        if done.returncode and "no such container" not in done.stderr.lower():
            raise EngineError(
                f"The container `{name}` could not be removed: {last_line(done.stderr)}",
                hint=f"Remove it with `podman rm --force {name}`",
            )


def _names(request: BuildRequest) -> tuple[str, ...]:
    """What stays in the cache only has none."""
    return () if any(output.kind == "none" for output in request.outputs) else request.tags


def _proxies(request: BuildRequest, env: Mapping[str, str]) -> list[str]:
    """As build arguments. Podman itself pulls with the proxies of its own environment."""
    return [name if env.get(name) == value else f"{name}={value}" for name, value in request.proxies.items()]


def _check(request: BuildRequest, environ: Mapping[str, str]) -> None:
    """Raise `EngineError` for what only builders of Docker do, and for code of a repository that no isolation would hold."""
    # In a chroot, steps of root see our processes, and can leave it: they would find our secrets.
    if request.sources is not None and steps_in_chroot(environ):
        raise EngineError(
            "With `BUILDAH_ISOLATION=chroot`, steps of the repository's `Dockerfile` are not separated from this machine",
            hint="Use another isolation, or pass `--trust-repository` if you trust its code",
        )
    if request.sources is not None and any(word.startswith("--isolation") for word in request.arguments):
        raise EngineError(
            "`--isolation` does not apply to a repository's own `Dockerfile`: its steps could be separated less from this machine",
            hint="Build without it, or pass `--trust-repository` if you trust its code",
        )
    if len(request.platforms) > 1:
        raise EngineError(
            "With Podman, r2i builds for one platform at a time",
            hint="Build once for each `--platform`, or use `--engine docker`",
        )
    if request.platforms and request.sources is not None:
        raise EngineError(
            "With Podman, `--platform` does not apply to a repository's own `Dockerfile`",
            hint="Use `--engine docker`",
        )
    if any(output.kind == "registry" for output in request.outputs):
        raise EngineError(
            "Podman does not push an image while it builds",
            hint="Use `--push`, which pushes it after the build",
        )


def _run(
    files: Workspace,
    argv: tuple[str, ...],
    begin: Callable[[], BuildProgress],
    *,
    env: Mapping[str, str],
    watch: Watch,
) -> tuple[str | None, BuildProgress]:
    """The id of the image, None where the build failed; a build that others overtake begins anew."""
    attempts = 0
    while True:
        attempts += 1
        progress = begin()
        image_id = files.run(argv, progress.feed, env=env, guard="children", during=watch.over)
        if image_id or watch.exceeded or not progress.overtaken or attempts == ATTEMPTS:
            return image_id, progress


def _build_failure(progress: BuildProgress, watch: Watch, request: BuildRequest) -> R2iError:
    """Podman's last line says why; it may stand behind what the step printed without ending the line."""
    *before, last = progress.tail or ("",)
    printed, found, said = last.rpartition("Error: building at STEP ")
    log = [line for line in before if not line.startswith('time="')] + ([printed] if printed else [])
    words = shortened(progress.text)
    if bounded := watch.failure(step=words, line=progress.line, log=tuple(log), error=last):
        return bounded
    if foreign := without_emulation((*log, last), request.platforms):
        return foreign
    if not found:
        return engine_failure(last, "podman")
    error = progress.fail(said).partition(" &imagebuilder.")[0]
    return step_failure(progress.text, error, line=progress.line, log=tuple(log), engine="podman")
