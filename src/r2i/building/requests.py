"""What an engine is asked for: the Dockerfile with what it may know of this machine, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from r2i.building.namespaces import cache_namespace, repository_namespace
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.checkout.ignore import Pattern, left_out_by, patterns
from r2i.edits.outputs import destination
from r2i.engines.bounds import OPTIONS, BoundName, Bounds
from r2i.engines.layer_cache import LayerCache
from r2i.engines.outputs import Output
from r2i.engines.protocol import BuildRequest, Engine, Sources
from r2i.errors import BuildFailedError, EngineError, UsageError
from r2i.host.settings import HostSettings, host_script, public_settings
from r2i.model import Dockerfile, Image, Notice, Plan, Source

#: The bounds that every engine keeps.
KEPT: tuple[BoundName, ...] = ("timeout", "image_size")


@dataclass(frozen=True, kw_only=True)
class Work:
    """A Dockerfile that is to be built, and what it comes from; `tags` are the names of the image."""

    source: Source
    checkout: Checkout
    plan: Plan
    dockerfile: Dockerfile
    tags: tuple[str, ...]


def build_request(
    engine: Engine,
    work: Work,
    settings: BuildSettings,
    *,
    environ: Mapping[str, str],
    home: Path,
    base: Image | None,
) -> tuple[BuildRequest, HostSettings, tuple[Notice, ...]]:
    """The request, this machine's settings that are in it, and what the user should know of them.

    Raises `InvalidRepositoryError` where the repository's own Dockerfile reaches for what it may not have, `EngineError`
    for a bound that the engine cannot keep, `BuildFailedError` for more files than the image may have, `UsageError` where the CA bundle cannot be read.
    """
    plan, dockerfile = work.plan, work.dockerfile
    own = plan.dockerfile is not None
    sources = None
    if own and not settings.trusted:
        sources = _sources(engine, plan, dockerfile, settings)
        host = public_settings(environ, ca_bundle=settings.ca_bundle, home=home)
    else:
        host = host_script(environ, ca_bundle=settings.ca_bundle, home=home, trusted=settings.trusted)
    if not own:
        check_files(work.checkout, dockerfile.ignore, settings.bounds)
    proxies, visible = _proxies(host, plan, dockerfile)
    check_bounds(engine, settings.bounds)
    request = BuildRequest(
        context=work.checkout.root,
        dockerfile=dockerfile,
        tags=work.tags,
        build_args=build_args(plan, settings),
        proxies=proxies,
        labels=plan.labels if own else _base_labels(engine, plan, base, settings.platforms),
        secrets=host.secrets,
        no_cache=settings.no_cache,
        cache_namespace=cache_namespace(work.source, own_dockerfile=own),
        # Without a mount there is no cache: then a commit's layers are for the next one, too.
        layer_namespace=repository_namespace(work.source)
        if own and "--mount" in dockerfile.text.lower()
        else "",
        network=not own or settings.options.build_network != "none",
        sources=sources,
        bounds=settings.bounds,
    )
    return _delivered(request, settings, work.checkout.boundary), host, (*host.notices, *visible)


def _delivered(request: BuildRequest, settings: BuildSettings, boundary: Path) -> BuildRequest:
    """The request with what the settings say of caches elsewhere and of where the image goes."""
    return replace(
        request,
        platforms=settings.platforms,
        cache_from=settings.cache_from,
        cache_to=tuple(_placed_cache(cache, boundary) for cache in settings.cache_to),
        outputs=tuple(_placed(output, boundary) for output in settings.outputs),
    )


def _placed(output: Output, boundary: Path) -> Output:
    """With the place where the archive really goes; raise `UsageError` where it cannot, or through a link of a repository."""
    if output.destination is None:
        return output
    place = destination("--output", output.destination, boundary=boundary)
    if place.is_dir() or not place.parent.is_dir():
        reason = "it is a directory" if place.is_dir() else "its directory does not exist"
        raise UsageError(f"`--output` cannot write `{place}`: {reason}", hint="Choose another file")
    return replace(output, destination=place)


def _placed_cache(cache: LayerCache, boundary: Path) -> LayerCache:
    if cache.kind != "local":
        return cache
    return cache.at("dest", destination("--cache-to", Path(cache.values["dest"]), boundary=boundary))


def check_bounds(engine: Engine, bounds: Bounds) -> None:
    """Raise `EngineError` where a bound was asked for that the engine cannot keep: nobody should rely on it."""
    default = Bounds()
    asked: list[BoundName] = [
        name for name in OPTIONS if getattr(bounds, name) != getattr(default, name) and name not in KEPT
    ]
    unbounded = engine.unbounded() if asked else {}
    for name in asked:
        if reason := unbounded.get(name):
            raise EngineError(
                f"`{bounds.written(name)}` has no effect with {engine.name.capitalize()} here: {reason}",
                hint=f"Remove `{OPTIONS[name]}`; run `r2i doctor` to see which limits this engine supports",
            )


def check_files(checkout: Checkout, ignore: str, bounds: Bounds) -> None:
    """Raise `BuildFailedError` where the files alone are too large: engines write the holes of sparse ones as zeros."""
    if _size(checkout, ()) <= bounds.image_size:
        return
    if _size(checkout, tuple(patterns(ignore, ".dockerignore"))) > bounds.image_size:
        raise BuildFailedError(
            f"The files of the repository are larger than `{bounds.written('image_size')}`",
            hint=f"List what the image does not need in `.dockerignore`, or raise the limit with `{OPTIONS['image_size']}`",
        )


def _size(checkout: Checkout, ignored: Sequence[Pattern]) -> int:
    size = 0
    for path, entry in checkout.walk(lambda _path, _is_dir: False):
        with suppress(OSError):
            if entry.is_file(follow_symlinks=False) and not left_out_by(path, ignored):
                size += entry.stat(follow_symlinks=False).st_size
    return size


def build_args(plan: Plan, settings: BuildSettings) -> dict[str, str]:
    """The plan shows no value that the user gave: it may be a token."""
    given = settings.options.build_args
    return {name: given.get(name, value) for name, value in plan.build_args.items()}


def _sources(engine: Engine, plan: Plan, dockerfile: Dockerfile, settings: BuildSettings) -> Sources:
    from r2i.engines.own_dockerfile import check_own_dockerfile
    from r2i.engines.own_dockerfile.reachable import World, addresses

    return check_own_dockerfile(
        dockerfile.text,
        file=str(plan.dockerfile),
        build_args=build_args(plan, settings),
        world=World(find=engine.find, addresses=addresses),
        podman=engine.name == "podman",
    )


def _proxies(
    host: HostSettings, plan: Plan, dockerfile: Dockerfile
) -> tuple[dict[str, str], tuple[Notice, ...]]:
    """What the steps of a repository's own Dockerfile get of the host, which need not know of our secret."""
    if plan.dockerfile is None:
        return {}, ()
    from r2i.formats.dockerfile import arguments

    given = {name.upper() for name in plan.build_args}
    proxies = {name: value for name, value in host.proxies.items() if name.upper() not in given}
    declared = {name: line for name, line in arguments(dockerfile.text).items() if name in proxies}
    kept = {name: value for name, value in proxies.items() if name not in declared}
    return kept, tuple(_in_history(plan, declared))


def _in_history(plan: Plan, declared: Mapping[str, int]) -> Iterator[Notice]:
    for name, line in declared.items():
        message = f"the image's history would show the value of `ARG {name}`, so r2i does not pass your proxy in it: use `--build-arg {name}` if the value may be public"
        yield Notice(level="warning", message=message, file=plan.dockerfile, line=line)


def _base_labels(engine: Engine, plan: Plan, base: Image | None, platforms: Sequence[str]) -> dict[str, str]:
    """Which base image it was: `--base-image NAME@DIGEST` repeats the build. For another platform, it is not that of the store.

    https://github.com/opencontainers/image-spec/blob/main/annotations.md
    """
    there = base if base and all(platform == base.platform for platform in platforms) else None
    digest = (there.digest or there.id) if there else engine.digest(plan.base.reference)
    names = {"org.opencontainers.image.base.name": plan.base.reference}
    return names | ({"org.opencontainers.image.base.digest": digest} if digest else {})
