"""What an engine is asked for: the Dockerfile with what it may know of this machine, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from r2i.building.namespaces import cache_namespace, repository_namespace
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.checkout.ignore import Pattern, left_out_by, patterns
from r2i.edits.outputs import destination, file_destination
from r2i.engines.bounds import OPTIONS, BoundName, Bounds
from r2i.engines.layer_cache import LayerCache
from r2i.engines.outputs import Output
from r2i.engines.protocol import BuildRequest, Engine, Sources
from r2i.errors import BuildFailedError, EngineError
from r2i.host.settings import HostSettings, host_script, public_settings
from r2i.model import Dockerfile, Image, Notice, Plan, Source
from r2i.registries.logins import with_given_login

#: The bounds that every engine keeps.
KEPT: tuple[BoundName, ...] = ("timeout", "image_size")


#: The label by which an image is known elsewhere: a digest of all that it was built from, apart from the base image.
INPUTS = "io.r2i.inputs"
#: Of the base image (https://github.com/opencontainers/image-spec/blob/main/annotations.md).
BASE_NAME, BASE_DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"


@dataclass(frozen=True, kw_only=True)
class Work:
    """A Dockerfile that is to be built, and what it comes from; `tags` are the names of the image, `labels` further ones of it."""

    source: Source
    checkout: Checkout
    plan: Plan
    dockerfile: Dockerfile
    tags: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


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
    for a bound that the engine cannot keep, `BuildFailedError` for more files than the image may have, `UsageError` where the CA bundle or the login of the environment cannot be read.
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
        labels=_labels(engine, work, base, settings.platforms),
        secrets=host.secrets,
        no_cache=settings.no_cache,
        cache_namespace=cache_namespace(work.source, own_dockerfile=own),
        layer_namespace=_layer_namespace(work),
        network=not own or settings.options.build_network != "none",
        sources=sources,
        registry_settings=with_given_login(engine.name, environ),
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
        outputs=tuple(_placed(output, boundary) for output in settings.delivered),
        arguments=settings.engine_arguments,
    )


def _placed(output: Output, boundary: Path) -> Output:
    """With the place where the archive really goes; raise `UsageError` where it cannot, or through a link of a repository."""
    if output.destination is None:
        return output
    place = file_destination("--output", output.destination, boundary=boundary)
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


def _layer_namespace(work: Work) -> str:
    """Without a mount there is no cache: then a commit's layers are for the next one, too."""
    apart = work.plan.dockerfile is not None and "--mount" in work.dockerfile.text.lower()
    return repository_namespace(work.source) if apart else ""


def _labels(engine: Engine, work: Work, base: Image | None, platforms: Sequence[str]) -> dict[str, str]:
    """Also which base image it was: `--base-image NAME@DIGEST` repeats the build. For another platform, it is not that of the store."""
    if work.plan.dockerfile is not None:
        return {**work.plan.labels, **work.labels}
    reference = work.plan.base.reference
    there = base if base and all(platform == base.platform for platform in platforms) else None
    digest = (there.digest or there.id) if there else engine.digest(reference)
    return {BASE_NAME: reference, **({BASE_DIGEST: digest} if digest else {}), **work.labels}
