"""What went wrong, from what an engine says of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from r2i.engines import EngineName
from r2i.engines.protocol import RunRequest, TransferError
from r2i.errors import BuildFailedError, EngineError, R2iError, TemporaryError
from r2i.facts.pins import base_image, is_distribution

#: The engine's own words where a step's program ended with a failure: Docker's, Podman's.
STATUS = re.compile(
    r"did not complete successfully: exit code: (\d+)|while running runtime: exit status (\d+)"
)

PULL = re.compile(
    r"failed to resolve source metadata for (?P<docker>[^\s:]+(?::\d+/\S+?)?\S*?): |"
    r"pull access denied for (?P<denied>[^\s,]+)|"
    r"creating build container: (?:initializing|copying|reading) \S+ (?:\w+://)?(?P<podman>\S+?): |"
    r'short-name "(?P<short>[^"]+)"|'
    r"unable to copy from source docker://(?P<copy>\S+?): |"
    r"^Error: (?:initializing|reading|copying) \S+ docker://(?P<pull>\S+?): "
)

#: Of the network and of servers; another try may succeed.
PASSING = re.compile(
    r"no such host|dial tcp|i/o timeout|deadline exceeded|handshake timeout|connection (?:refused|reset)|"
    r"server misbehaving|temporary failure|network is unreachable|unexpected EOF|toomanyrequests|"
    r"too many requests|internal server error|bad gateway|service unavailable|gateway time-?out",
    re.IGNORECASE,
)

#: A file that a step takes from the build context.
MISSING = re.compile(r'"(/[^"]*)": (?:not found|no such file or directory)')

PUSHING = re.compile(r"pushing (\S+) with docker")
NOT_PUSHED = re.compile(r"failed to push (\S+): ([^\n]+)")

FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


DENIED = _any(r"permission denied while trying to connect", r"dial unix \S+: connect: permission denied")

SILENT = _any(
    r"cannot connect to the docker daemon",
    r"is the docker daemon running",
    r"error during connect",
    r"failed to connect to the docker",
    r"error reading from server",
    r"code = Unavailable",
    r"closing transport",
    r"failed to receive status",
    r"failed to dial",
    r"\.sock: connect",
    r"error while fetching server API version",
)

NO_NETWORK = _any("slirp4netns sync pipe", "set up tap device", "/dev/net/tun")

#: What Podman writes in place of a step's output, where the step did not begin.
NOT_STARTED = re.compile("error running container: (?:from /|did not get )")

#: What the engine says, our message, our hint; the first that fits.
ENGINE_TROUBLE = (
    (
        DENIED,
        "You do not have permission to use the {title} daemon",
        "Run `sudo usermod -aG docker $USER` and log in again, or use `--engine podman`",
    ),
    (
        _any(r'context "?([^":\s]+)"?: context not found', r'context "([^"]+)" does not exist'),
        "There is no Docker context `{found}`",
        "Run `docker context use default`, or correct `DOCKER_CONTEXT`",
    ),
    (
        _any(r"client version \S+ is too (?:new|old)[^\n]*"),
        "The Docker client and daemon have incompatible versions: {found}",
        "Run `r2i setup`",
    ),
    (
        _any(r"mount `?proc`?", "ping_group_range"),
        "This container masks `/proc`, so {title} cannot isolate build steps in it",
        "Unmask `/proc` (`--security-opt systempaths=unconfined`), or set `BUILDAH_ISOLATION=chroot`",
    ),
    (
        _any("newuidmap", "newgidmap", "cannot clone", "cannot re-exec"),
        "{title} may not create user namespaces here",
        "Allow them; in a container, with `--security-opt seccomp=unconfined`",
    ),
    (
        NO_NETWORK,
        "{title} cannot give containers a network",
        "Run `r2i doctor`, which says what is missing",
    ),
    (
        _any(r'no builder "([^"\s]+)" found'),
        "There is no builder `{found}`",
        "List the builders with `docker buildx ls`",
    ),
    (
        _any("cache export is not supported", "cache export feature is currently not supported"),
        "The builder cannot export its layer cache",
        "Run `docker buildx create --use`, or use `--cache-to type=inline`",
    ),
    (
        _any("manifest lists", "multi-platform build is not supported", "multiple platforms feature"),
        "The image store of {title} does not hold images for several platforms",
        "Run `docker buildx create --use`, and pass `--output type=oci,dest=FILE` or `--output type=registry`",
    ),
    (FULL, "The disk of {title} is full", "Free space, for instance with `{engine} system prune`"),
    (
        SILENT,
        "{title} does not answer: its daemon is not running",
        "Start it with `sudo systemctl start docker`, or run `r2i setup`",
    ),
)

START_TROUBLE = (
    (
        _any("already allocated", "address already in use", "ports are not available"),
        "Port {port} is already in use",
        "Choose another with `--publish`",
    ),
    (
        _any("cannot assign requested address"),
        "This machine has no address {hosts} to publish on",
        "Publish on `127.0.0.1`",
    ),
    (
        _any("no such image", "image not known", "pull access denied", "initializing source", "short-name"),
        "The image `{image}` does not exist",
        "Build it with `r2i build`",
    ),
    (
        _any(r"capabilities: \[\[gpu\]\]", "nvidia"),
        "The engine cannot give GPUs to a container",
        "Install the NVIDIA Container Toolkit on the machine of the engine",
    ),
    (
        _any(
            "memory limit",
            "invalid memory",
            "invalid value for memory",
            "unable to convert .* memory",
            "minimum memory",
        ),
        "`--memory {memory}` is refused: {reason}",
        "Write an amount like `512m` or `4g`",
    ),
    (_any("range of cpus", "cpus"), "`--cpus {cpus}` is refused: {reason}", "Ask for fewer"),
    (
        _any(
            "executable file not found",
            r"exec: .*no such file",
            r"stat .*: no such file or directory: unknown",
        ),
        "The image has no program `{program}`",
        "Check the spelling of the command",
    ),
    (
        _any("bind source path does not exist", "statfs .*no such file"),
        "A mounted path does not exist: {reason}",
        "Create it first, on the machine that runs the engine",
    ),
    (
        _any("unable to find user", "no matching entries"),
        "The image has no user `{user}`",
        "Give a number instead",
    ),
)

NO_BUILDX = re.compile(
    r"'?buildx'? is not a docker command|unknown (?:short)?hand flag|unknown flag: --(?:progress|build-context|secret|file|load)",
    re.IGNORECASE,
)

OLD_BUILDX = re.compile(r"invalid progress mode|progress=rawjson|unknown progress", re.IGNORECASE)


def step_failure(
    text: str, error: str, *, line: int | None, log: tuple[str, ...], engine: EngineName
) -> R2iError:
    """A step of the build failed: the engine's fault where its message says so, else the repository's."""
    began = engine != "podman" or not log or not NOT_STARTED.match(log[0])
    status = STATUS.search(error)
    if status and began:
        message = f"`{shortened(text)}` failed with exit status {status[1] or status[2]}"
        return BuildFailedError(message, log=log, dockerfile_line=line)
    if not began or FULL.search(error) or SILENT.search(error) or PULL.search(error):
        return engine_failure(log[0] if status else error, engine)
    if text.upper().startswith("FROM "):
        return _pull_failure(text.split()[1], error, engine)
    if missing := MISSING.search(error):
        return BuildFailedError(
            f"`{shortened(text)}` failed: there is no `{missing[1].lstrip('/')}`",
            log=log,
            dockerfile_line=line,
            hint="Commit this file, or check that `.dockerignore` does not exclude it",
        )
    return BuildFailedError(f"`{shortened(text)}` failed: {last_line(error)}", log=log, dockerfile_line=line)


def silent_builder(step: str, said: str) -> EngineError | None:
    """Where the failed step is that of buildx itself, which begins with the builder."""
    if not step.endswith(("booting buildkit", "waiting for connection")):
        return None
    return EngineError(
        f"The builder does not answer: {last_line(said)}",
        hint="Run `docker buildx inspect --bootstrap` to see why, or `docker buildx use default`",
    )


def without_emulation(log: Sequence[str], platforms: Sequence[str]) -> EngineError | None:
    """Where the machine of the engine does not run programs of the platform."""
    if not platforms or not any("exec format error" in line.lower() for line in log):
        return None
    named = " or ".join(f"`{platform}`" for platform in platforms)
    return EngineError(
        f"The machine of the engine does not run programs for {named}",
        hint="Install emulation there, for instance with `sudo apt-get install qemu-user-static binfmt-support`,"
        " or use a `--builder` with a machine of that kind",
    )


def not_pushed(step: str, error: str, said: str) -> TransferError | None:
    """Where the builder could not push: BuildKit says which name and why; where Docker pushes, it is a step of buildx."""
    if match := PUSHING.fullmatch(step):
        return TransferError(error, name=match[1])
    match = NOT_PUSHED.search(said)
    return TransferError(match[2], name=match[1]) if match else None


def engine_failure(said: str, engine: EngineName, platforms: Sequence[str] = ()) -> R2iError:
    """The engine did not do what it was asked, and it was no step's fault. `platforms` are those that were asked for."""
    if not (FULL.search(said) or DENIED.search(said)) and (match := PULL.search(said)):
        return _pull_failure(next(group for group in match.groups() if group), said, engine, platforms)
    for pattern, message, hint in ENGINE_TROUBLE:
        if match := pattern.search(said):
            values = {"engine": engine, "title": engine.capitalize(), "found": match[match.lastindex or 0]}
            return EngineError(message.format_map(values), hint=hint.format_map(values))
    return EngineError(
        f"{engine.capitalize()} failed: {last_line(said)}", hint="Run `r2i doctor` to see what is wrong"
    )


def start_failure(said: str, request: RunRequest, engine: EngineName) -> R2iError:
    """A container does not start. Both engines share the words of the runtime and of the kernel below them."""
    place = re.search(r"(?:\d|\]):(\d{2,5})\b", said)
    fixed = next((port.host_port for port in request.ports if port.host_port is not None), None)
    values = {
        "image": request.image,
        "memory": request.memory,
        "cpus": f"{request.cpus:g}" if request.cpus is not None else None,
        "user": request.user,
        "program": request.command[0] if request.command else "of its own",
        "port": place[1] if place else fixed,
        "hosts": ", ".join(sorted({f"`{port.host}`" for port in request.ports})),
        "reason": last_line(said),
    }
    for pattern, message, hint in START_TROUBLE:
        if pattern.search(said):
            return EngineError(message.format_map(values), hint=hint)
    return engine_failure(said, engine)


def _pull_failure(image: str, said: str, engine: EngineName, platforms: Sequence[str] = ()) -> R2iError:
    setup = None if platforms else _setup(image, engine)
    named = f" for `{'`, `'.join(platforms)}`" if platforms else ""
    if PASSING.search(said):
        return TemporaryError(
            f"The base image `{image}` cannot be pulled{named}: {last_line(said)}",
            hint=f"Try again, or run `{setup}`, which builds it without a registry"
            if setup
            else "Check its name and the network of the engine, and try again",
        )
    if "short-name" in said and "unqualified-search" in said:
        return EngineError(
            f"Podman is set up with no registry in which to look for `{image}`",
            hint=f"Write `docker.io/{image}`, if it is from Docker Hub, or name the registry that it is from",
        )
    return EngineError(
        f"The base image `{image}` does not exist{named}, or you may not pull it",
        hint=f"Run `{setup}`, which builds it without a registry"
        if setup
        else f"Check its name, and log in with `{engine} login` if it is private",
    )


def _setup(image: str, engine: EngineName) -> str | None:
    """The command that makes an image of packages, None where only a registry has it."""
    made = base_image(image)
    if not is_distribution(made):
        return None
    words = ["r2i", "setup", *(["--engine", engine] if engine != "docker" else [])]
    return shlex.join(words if made == base_image(None) else [*words, "--base-image", image])


def no_buildx(said: str) -> bool:
    return NO_BUILDX.search(said) is not None


def old_buildx(said: str) -> bool:
    return OLD_BUILDX.search(said) is not None


def last_line(said: str) -> str:
    """The last line that says something, without the engine's own `ERROR:`."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (
        re.sub(r"^(?:ERROR|Error)(?: response from daemon)?: ", "", lines[-1]) if lines else "no reason given"
    )


def shortened(text: str, *, limit: int = 100) -> str:
    """An instruction on one line, without what it mounts."""
    words = [word for word in text.split() if not word.startswith("--mount=")]
    line = " ".join(words)
    return line if len(line) <= limit else line[: limit - 1] + "…"
