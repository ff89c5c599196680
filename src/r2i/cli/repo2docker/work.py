"""Fetch, build, push, run: what repo2docker does, by the workflow of r2i."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from r2i.cli.common import TypedSource
from r2i.cli.repo2docker.invocation import Invocation
from r2i.cli.repo2docker.job import Job
from r2i.errors import UsageError
from r2i.host.logins import REGISTRY_LOGIN
from r2i.model import Options, Source
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.building.settings import BuildSettings
    from r2i.engines import EngineChoice

#: A platform has a limit of its own.
LONGEST_BUILD = 24 * 3600.0

#: Where nobody says who the user is, or root does.
USER_NAME, USER_ID = "jovyan", 1000
#: Of a name that every image can have.
USABLE_NAME = re.compile(r"(?!root$)[a-z_][a-z0-9_-]{0,31}")

#: The secrets of a hub that starts us, which nothing that we start should see.
OF_A_HUB = re.compile(r"JUPYTERHUB_\w*TOKEN|BINDERHUB_\w*TOKEN|CONFIGPROXY_AUTH_TOKEN|JPY_API_TOKEN")


@contextmanager
def at_home() -> Iterator[None]:
    """With a `HOME`, which a hub does not tell, also for libraries. A user whom the machine does not know has a private
    directory for as long as the block lasts: others could write settings into any other one."""
    with ExitStack() as stack:
        if not os.environ.get("HOME"):
            try:
                home = pwd.getpwuid(os.getuid()).pw_dir
            except KeyError:
                home = stack.enter_context(TemporaryDirectory(prefix="r2i-home-", ignore_cleanup_errors=True))
            os.environ["HOME"] = home
        yield


def environment(environ: Mapping[str, str], wanted: Invocation) -> dict[str, str]:
    """Ours, for all that we start: without the secrets of a hub, and with those of settings."""
    found = {name: value for name, value in environ.items() if not OF_A_HUB.fullmatch(name)}
    if wanted.registry:
        found[REGISTRY_LOGIN] = json.dumps(dict(wanted.registry))
    if wanted.swh_token:
        found["SWH_TOKEN"] = wanted.swh_token
    return found


def perform(job: Job) -> int:
    """Do it, and give the exit status. Raises an `R2iError`."""
    for warning in job.wanted.warnings:
        job.say(f"Warning: {warning}")
    source = understood(job)
    if source.provider == "local":
        job.say(f"Using the directory {printable(source.location)}", "fetching")
    options = options_of(job)
    if not job.wanted.build:
        _print_dockerfile(job, source, options)
        return 0
    return _build_and_run(job, source, options)


def understood(job: Job) -> Source:
    """The source. A `--ref` beside what has no branches is no mistake: BinderHub passes that of a record, too."""
    wanted = job.wanted
    typed = TypedSource(source=wanted.repo, ref=None, subdir=wanted.subdir)
    source = typed.understood()
    if wanted.ref is None:
        return source
    if source.provider not in {"git", "mercurial"}:
        if source.provider in {"local", "archive"}:
            what = (
                f"the directory `{printable(source.location)}`"
                if source.provider == "local"
                else "an archive"
            )
            ref = f"`--ref {printable(wanted.ref)}`"
            job.say(f"Warning: {ref} has no effect on {what}, which is no address of a git repository")
        return source
    # git in a clone, as repo2docker runs it, knows the branches of the server by this name, too.
    ref = re.sub(r"^origin/(?=.)", "", wanted.ref) if source.provider == "git" else wanted.ref
    return replace(typed, ref=ref).understood()


def options_of(job: Job) -> Options:
    """The options of the plan. Raises `UsageError` where the user of the image would be root."""
    wanted = job.wanted
    user_id = os.geteuid() if wanted.user_id is None else wanted.user_id
    if user_id == 0:
        if wanted.build:
            raise UsageError(
                "The user of the image cannot be root, which you are, or which `--user-id` names",
                hint=f"Add `--user-id {USER_ID} --user-name {USER_NAME}`, or other ones",
            )
        user_id = USER_ID
    home = f"/home/{(user_name := _user_name(job))}"
    repo_dir = re.sub(r"^(\$\{?HOME\}?|~)(?=/|$)", home, wanted.repo_dir) if wanted.repo_dir else None
    return Options(
        base_image=wanted.base_image,
        rstudio=True,
        as_repo2docker=True,
        must_declare=wanted.must_declare,
        user_name=user_name,
        user_id=user_id,
        repo_dir=repo_dir,
        appendix=wanted.appendix,
        labels=wanted.labels,
        build_args=wanted.build_args,
    )


def _user_name(job: Job) -> str:
    """The one that is asked for, which has to be right, else that of whoever started us, if it can be had. Raises `UsageError`."""
    if job.wanted.user_name == "root":
        raise UsageError(
            "The user of the image cannot be root, which `--user-name` names",
            hint=f"Write `--user-name {USER_NAME}`, or another name",
        )
    if job.wanted.user_name is not None:
        return job.wanted.user_name
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        return USER_NAME
    return name if USABLE_NAME.fullmatch(name) else USER_NAME


def _print_dockerfile(job: Job, source: Source, options: Options) -> None:
    from r2i.planning.compose import make_plan
    from r2i.planning.render import render
    from r2i.sources import fetched, resolve

    told = job.listener.note
    revision = resolve(source, environ=job.environ, report=told)
    with fetched(revision.source, environ=job.environ, report=told, revision=revision) as checkout:
        plan = make_plan(checkout, options, source=revision.source)
        dockerfile = render(plan, checkout)
    job.listener.warn(plan.notices)
    print(dockerfile.text, end="" if dockerfile.text.endswith("\n") else "\n", file=job.product)


def settings_of(job: Job, options: Options) -> BuildSettings:
    from r2i.building.settings import BuildSettings
    from r2i.engines.bounds import Bounds
    from r2i.engines.layer_cache import layer_cache
    from r2i.engines.naming import checked_reference
    from r2i.engines.platforms import platforms_from

    name = job.wanted.image_name
    return BuildSettings(
        options=options,
        engine=_engine(job),
        tags=(checked_reference(name),) if name else (),
        bounds=Bounds(timeout=LONGEST_BUILD),
        rescue=True,
        push=job.wanted.push,
        platforms=platforms_from((job.wanted.platform,) if job.wanted.platform else ()),
        cache_from=tuple(layer_cache("--cache-from", text) for text in job.wanted.cache_from),
        engine_arguments=job.wanted.engine_arguments,
    )


def _engine(job: Job) -> EngineChoice:
    """repo2docker knows Podman by the address of its socket."""
    asked = job.wanted.engine
    if asked not in {"", "auto", "docker", "podman"}:
        raise UsageError(f"`{printable(asked)}` is not a container engine", hint="Use `docker` or `podman`")
    if asked in {"", "docker"} and "podman" in job.environ.get("DOCKER_HOST", ""):
        return "podman"
    return "docker" if asked == "docker" else "podman" if asked == "podman" else "auto"


def _build_and_run(job: Job, source: Source, options: Options) -> int:
    from r2i.building.builder import Builder
    from r2i.building.rescuing import rescued
    from r2i.cli.repo2docker.running import as_user, checked_request, run_image
    from r2i.cli.repo2docker.wording import reworded
    from r2i.engines.choice import choose

    request = checked_request(job, source, options) if job.wanted.run else None
    settings = settings_of(job, options)
    engine = choose(settings.engine, job.environ)
    builder = Builder(
        engine=engine, environ=job.environ, home=Path(job.environ["HOME"]), listener=job.listener
    )
    done = rescued(builder, source, settings)
    with job.working("building"):
        for made in done.made:
            words = reworded(f"`{' '.join(made.change.arguments)}`")
            job.say(f"The image was built as with {words}: {printable(made.why)}")
        job.say(f"Image: {settings.tags[0] if settings.tags else done.image.reference}")
    if request is None:
        return 0
    request = as_user(request, engine, done.image, options.user_id)
    return run_image(job, engine, request, source, options)
