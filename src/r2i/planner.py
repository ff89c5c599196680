"""Checkout × buildpacks × options → Plan. Pure: the same input gives the same plan, everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain

from r2i import __version__, image
from r2i.adjustments import adjusted, check_adjustments
from r2i.as_of import EXACT, as_of
from r2i.buildpacks import CHAIN, ENVIRONMENTS, UNSUPPORTED
from r2i.checkout import Checkout
from r2i.errors import NoBuildpackError, R2iError, UsageError
from r2i.ignore import dockerignore
from r2i.model import (
    BaseImage,
    Detection,
    Ignored,
    JupyterServer,
    Layer,
    Notice,
    Options,
    Pin,
    Plan,
    Python,
    PythonEnvironment,
    Source,
    Stage,
)
from r2i.needed import check_needed
from r2i.pins import base_image
from r2i.plan_json import digest, secret_digest
from r2i.projects.local import with_local_projects
from r2i.pythons import choose_python
from r2i.quoting import printable, quoted
from r2i.uv_settings import configured

COMMAND = ("jupyter-lab", "--ip=0.0.0.0", "--port=8888")

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def make_plan(checkout: Checkout, options: Options, *, source: Source | None = None) -> Plan:
    """Decide what to build.

    Raises `InvalidRepositoryError` where a file of the repository is wrong, `NoBuildpackError` where it declares its
    environment only in ways that r2i cannot install, `UsageError` where an option is wrong.
    """
    _check_options(options)
    base = base_image(options.base_image)
    found = []
    for pack in CHAIN:
        detection = pack.detect(checkout, base)
        if detection is None:
            continue
        if detection.dockerfile is not None:
            # Nothing else counts, so nothing else can be wrong.
            return _own_dockerfile(checkout, options, detection, base=base, source=source)
        found.append(detection)
    environment = _environment(checkout, options)
    if not found:
        environment = replace(environment, notices=(*environment.notices, *_nothing_asked(environment)))
    detections = adjusted((*found, environment), options)
    check_needed(checkout, detections)
    return _compose(checkout, options, detections, base=base, source=source)


def declared_environment(checkout: Checkout, options: Options) -> PythonEnvironment | None:
    """What the repository's files say of its Python environment; None where it has a `Dockerfile` of its own."""
    found = detected_environment(checkout, options)
    return found.environment if found else None


def detected_environment(checkout: Checkout, options: Options) -> Detection | None:
    """The same, with what is to be said of the files that lose."""
    return None if checkout.config("Dockerfile") is not None else _environment(checkout, options)


def problems(checkout: Checkout, options: Options) -> Iterator[R2iError]:
    """What is wrong in each file, where `make_plan` raises for the first."""
    base = base_image(options.base_image)
    looks: list[Callable[[], Detection | None]] = [partial(pack.detect, checkout, base) for pack in CHAIN]
    looks.append(partial(_environment, checkout, options))
    for look in looks:
        try:
            if (found := look()) and found.dockerfile is not None:
                return
        except R2iError as error:
            yield error


def _compose(
    checkout: Checkout,
    options: Options,
    detections: tuple[Detection, ...],
    *,
    base: BaseImage,
    source: Source | None,
) -> Plan:
    until = as_of(options)
    asked = next(d.environment for d in detections if d.environment is not None)
    wanted = configured(asked, until, installer=options.installer)
    python, notices = choose_python(base, options, detections, date=checkout.date)
    server = _jupyter_server(detections)
    repo_dir = options.repo_dir or f"/home/{options.user_name}"
    variables = _variables(options, repo_dir=repo_dir, server=server, python=python)
    layers = (
        *_base_layers(base, detections, wanted=wanted, server=server, python=python),
        image.user(name=options.user_name, uid=options.user_id, variables=variables),
        *_python_layers(wanted, python=python, server=server),
        *chain.from_iterable(d.layers for d in detections),
    )
    start = next((d.start for d in detections if d.start), None)
    labels = _labels(checkout, options, source) | ({"io.r2i.as-of": until.moment} if until else {})
    plan = Plan(
        base=base,
        user_name=options.user_name,
        user_id=options.user_id,
        repo_dir=repo_dir,
        config_dir=checkout.config_dir,
        python=python,
        jupyter=server,
        as_of=until,
        layers=tuple(sorted(layers, key=lambda layer: layer.stage)),
        notices=(
            *notices,
            *chain.from_iterable(d.notices for d in detections),
            *_without_effect(options, dockerfile=None, environment=wanted),
        ),
        ignored=(
            *(each for each in hidden(checkout) if each.file not in {e.file for e in asked.evidence}),
            *chain.from_iterable(d.ignored for d in detections),
        ),
        variables=variables | ({"R2D_ENTRYPOINT": f"{repo_dir}/{start}"} if start else {}),
        command=COMMAND,
        labels=labels,
        dockerignore=dockerignore(checkout),
    )
    labels |= {"io.r2i.plan": digest(plan)}
    final = _final(options, start=start, repo_dir=repo_dir, labels=labels, python=python)
    return replace(plan, labels=labels, layers=(*plan.layers, final))


def _base_layers(
    base: BaseImage,
    detections: tuple[Detection, ...],
    *,
    wanted: PythonEnvironment,
    server: JupyterServer,
    python: Python,
) -> Iterable[Layer]:
    yield image.system(base)
    if wanted.local:
        yield image.repository()
    yield image.tools(wanted, python=python)
    if server.mode == "split":
        yield image.jupyter_server(base)
    if compiles := tuple(chain.from_iterable(d.compiles for d in detections)):
        yield image.toolchain(compiles)


def _python_layers(wanted: PythonEnvironment, *, python: Python, server: JupyterServer) -> Iterable[Layer]:
    if python.provider == "uv":
        yield image.interpreter(python)
    elif python.provider == "conda" and wanted.manager != "conda":
        yield image.conda_interpreter(python)
    yield image.environment(wanted, python=python, server=server)
    yield image.package(wanted) if wanted.local else image.source()


def _own_dockerfile(
    checkout: Checkout, options: Options, found: Detection, *, base: BaseImage, source: Source | None
) -> Plan:
    repo_dir = options.repo_dir or f"/home/{options.user_name}"
    others = [
        Ignored(file=path, reason=f"`{found.dockerfile}` describes the whole image")
        for path in _config_files(checkout)
        if path != found.dockerfile
    ]
    build_args = {"NB_USER": options.user_name, "NB_UID": str(options.user_id), "REPO_DIR": repo_dir}
    return Plan(
        base=base,
        user_name=options.user_name,
        user_id=options.user_id,
        repo_dir=repo_dir,
        config_dir=checkout.config_dir,
        dockerfile=found.dockerfile,
        notices=(*found.notices, *_without_effect(options, dockerfile=found.dockerfile, environment=None)),
        ignored=(*hidden(checkout), *others),
        labels=_labels(checkout, options, source),
        build_args=build_args | {name: secret_digest(value) for name, value in options.build_args.items()},
        dockerignore=dockerignore(checkout),
    )


def _without_effect(
    options: Options, *, dockerfile: str | None, environment: PythonEnvironment | None
) -> tuple[Notice, ...]:
    """Options that were given for nothing."""
    for_environment = {"--extra": options.extras, "--group": options.groups}
    given: list[tuple[str, object, str]] = []
    if dockerfile is None:
        why = "it is for a `Dockerfile` of the repository, which has none"
        given.append(("--build-arg", options.build_args, why))
    else:
        why = f"`{dockerfile}` describes the whole image"
        others = {
            "--base-image": options.base_image,
            "--python": options.python,
            "--as-of": options.as_of,
            "--installer": options.installer != "uv",
            "--apt": options.apt,
            "--replace": options.replace,
            "--appendix": options.appendix,
        }
        given += [(name, value, why) for name, value in (others | for_environment).items()]
    if environment is not None:
        why = f"`{environment.defined_by}` has none" if environment.defined_by else "no file declares any"
        given += [
            (name, value, why) for name, value in for_environment.items() if name not in environment.heeds
        ]
        if options.installer != "uv":
            locked = f"`{environment.defined_by}` names every release exactly"
            given.append(("--installer", environment.exact, locked))
            given.append(("--as-of", options.as_of, "the pip of `--installer` knows no dates"))
    return tuple(
        Notice(level="warning", message=f"`{name}` has no effect: {why}")
        for name, value, why in given
        if value
    )


def _nothing_asked(found: Detection) -> Iterable[Notice]:
    """The wrong directory is as likely as the wish for an image with nothing but Jupyter."""
    if found.environment is not None and not found.environment.defined_by:
        yield Notice(
            level="warning",
            message="No file here asks for anything, and there is no notebook: the image is plain Jupyter",
        )


def _environment(checkout: Checkout, options: Options) -> Detection:
    """The one definition of the Python environment that wins, with what is to be said of those that lose."""
    packs = iter(ENVIRONMENTS)
    environment = PythonEnvironment(buildpack="image", defined_by="")
    won = Detection(environment=environment)
    ignored: list[Ignored] = []
    notices: list[Notice] = []
    for pack in packs:
        found = pack.detect(checkout, options)
        if found is None:
            continue
        found = with_local_projects(found, checkout, options)
        ignored += found.ignored
        notices += found.notices
        if found.environment is not None:  # there is none where its files do not count, after all
            won, environment = found, found.environment
            break
    _refuse_unsupported(checkout)
    used = {environment.defined_by, *(evidence.file for evidence in environment.evidence)}
    for pack in packs:
        files = [path for name in pack.files if (path := checkout.config(name)) and path not in used]
        if not files:
            continue
        try:
            lost = pack.detect(checkout, options)
        except R2iError:
            pass  # what is not used need not be right
        else:
            if lost is None or lost.environment is None:
                continue  # nothing is declared there
            notices += _differences(environment, lost.environment)
        ignored += [Ignored.beaten(path, by=environment.defined_by) for path in files]
    return replace(won, ignored=tuple(dict.fromkeys(ignored)), notices=tuple(notices))


def _differences(won: PythonEnvironment, lost: PythonEnvironment) -> Iterable[Notice]:
    """A file that loses and asks for something else may be the one that its author keeps up to date."""
    installs_itself = any(word == "." or word.startswith(".[") for word in won.local)
    missing = [name for name in lost.names if name not in won.names]
    # What a package here needs comes with it.
    if missing and won.names and not (installs_itself and "." in lost.local):
        names = ", ".join(f"`{name}`" for name in missing[:5]) + (" …" if len(missing) > 5 else "")
        yield Notice(
            level="warning",
            message=f"{names}: asked for here, but `{won.defined_by}` defines the environment and does not name"
            f" {'it' if len(missing) == 1 else 'them'}",
            file=lost.defined_by,
            line=lost.names[missing[0]].line,
        )
    if different := [*_different(won.pins, lost.pins)]:
        ours, theirs = different[0]
        more = f", the first of {len(different)} that differ" if len(different) > 1 else ""
        yield Notice(
            level="warning",
            message=f"`{theirs.name}{theirs.specifier}`: asked for here, but `{won.defined_by}` defines the environment"
            f" and has `{ours.name}{ours.specifier}`{more}",
            file=theirs.evidence.file,
            line=theirs.evidence.line,
        )
    if "." in lost.local and not installs_itself:
        yield Notice(
            level="warning",
            message=f"The package here is not installed: `{won.defined_by}` defines the environment, and has no `-e .`",
            file=lost.defined_by,
        )


def _different(won: Iterable[Pin], lost: Iterable[Pin]) -> Iterable[tuple[Pin, Pin]]:
    """Pins of the same name of which one names a version that the other does not allow."""
    ours: dict[str, list[Pin]] = {}  # a project that the file installs may ask for the same again
    for pin in won:
        if not pin.marker:
            ours.setdefault(pin.name, []).append(pin)
    for theirs in lost:
        for mine in ours.get(theirs.name, ()) if not theirs.marker else ():
            if _excludes(mine, theirs) or _excludes(theirs, mine):
                yield mine, theirs
                break


def _excludes(one: Pin, other: Pin) -> bool:
    if one.specifier == other.specifier or not EXACT.fullmatch(other.specifier):
        return False
    from packaging.specifiers import SpecifierSet

    try:
        return not SpecifierSet(one.specifier).contains(other.specifier.lstrip("= "), prereleases=True)
    except ValueError:  # `===` takes any word
        return False


def _refuse_unsupported(checkout: Checkout) -> None:
    """An image without what the repository asks for would be a broken promise: better none."""
    for name, language in UNSUPPORTED.items():
        path = checkout.config(name)
        if path is not None:
            raise NoBuildpackError(
                f"This file asks for {language}, which r2i cannot install yet",
                file=path,
                hint="Install it in a `Dockerfile` of the repository",
            )


def _jupyter_server(detections: Iterable[Detection]) -> JupyterServer:
    evidence = tuple(chain.from_iterable(d.server for d in detections))
    return JupyterServer(mode="joined" if evidence else "split", evidence=evidence)


def _variables(options: Options, *, repo_dir: str, server: JupyterServer, python: Python) -> dict[str, str]:
    home = f"/home/{options.user_name}"
    path = [f"{home}/.local/bin", f"{repo_dir}/.local/bin", "/srv/env/bin"]
    if server.mode == "split":
        path.append("/srv/jupyter/bin")
    variables = {
        "USER": options.user_name,
        "NB_USER": options.user_name,
        "NB_UID": str(options.user_id),
        "HOME": home,
        "REPO_DIR": repo_dir,
        "PATH": ":".join(dict.fromkeys((*path, *SYSTEM_PATH))),
        **image.activated(python),
        "NB_PYTHON_PREFIX": "/srv/env",
        "KERNEL_PYTHON_PREFIX": "/srv/env",
        "PYTHONUNBUFFERED": "1",
    }
    if server.mode == "split":
        # Our kernelspec first: an `ipykernel` in the environment brings one that names no interpreter.
        variables["JUPYTER_PATH"] = "/srv/jupyter/share/jupyter:/srv/env/share/jupyter"
    return variables


def _final(
    options: Options, *, start: str | None, repo_dir: str, labels: Mapping[str, str], python: Python
) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.START,
        title="What runs, and as whom",
        template="final",
        variables={
            "labels": tuple(f"{quoted(name)}={quoted(value)}" for name, value in labels.items()),
            "start": f"{repo_dir}/{start}" if start else "",
            **image.activation(python),
            "command": COMMAND,
            "appendix": options.appendix,
        },
    )


def _labels(checkout: Checkout, options: Options, source: Source | None) -> dict[str, str]:
    remote = source is not None and source.provider != "local"
    labels = {
        "io.r2i.version": __version__,
        "repo2docker.repo": source.location if source is not None and remote else "local",
        "repo2docker.version": __version__,
    }
    if source is not None and remote:
        labels["org.opencontainers.image.source"] = source.location
    if checkout.content_id is not None:
        labels["org.opencontainers.image.revision"] = checkout.content_id
        labels["repo2docker.ref"] = checkout.content_id
    return labels | dict(options.labels)


def hidden(checkout: Checkout) -> tuple[Ignored, ...]:
    """Configuration in the root that a `binder` directory hides."""
    directory = checkout.config_dir
    if not directory:
        return ()
    return tuple(
        Ignored(file=name, reason=f"only `{directory}/` is looked at, as it exists")
        for name in config_names()
        if checkout.has(name)
    )


def config_names() -> tuple[str, ...]:
    files = (*(pack.files for pack in CHAIN), *(pack.files for pack in ENVIRONMENTS), UNSUPPORTED)
    return tuple(dict.fromkeys(chain.from_iterable(files)))


def _config_files(checkout: Checkout) -> list[str]:
    return [path for name in config_names() if (path := checkout.config(name))]


def _check_options(options: Options) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", options.user_name) or options.user_name == "root":
        raise UsageError(
            f"`{options.user_name}` cannot be the user's name",
            hint="Use lower-case letters, digits, `-` and `_`",
        )
    if not 0 < options.user_id < 2**31:
        raise UsageError(
            f"`{options.user_id}` cannot be the user's id", hint="Choose one above 0: nothing runs as root"
        )
    if options.repo_dir is not None and not re.fullmatch(
        r"(/(?!\.\.?(/|$))[A-Za-z0-9_.-]+)+", options.repo_dir
    ):
        raise UsageError(
            f"`{options.repo_dir}` cannot be the repository's directory",
            hint="Give an absolute path of letters, digits, `.`, `-` and `_`",
        )
    if options.python is not None and not re.fullmatch(r"(2\.7|3\.\d{1,2})(\.\d{1,2})?", options.python):
        raise UsageError(
            f"`{options.python}` is not a version of Python", hint="Write it like `3.12` or `3.12.4`"
        )
    check_adjustments(options)
    reference = options.base_image
    if reference is not None and not re.fullmatch(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}", reference):
        raise UsageError(
            f"`{reference}` is not the name of an image", hint="Write it like `debian:trixie-slim`"
        )
    given = {"--appendix": options.appendix}
    given |= {f"--label {name}": text for name, text in options.labels.items()}
    given |= {f"--build-arg {name}": text for name, text in options.build_args.items()}
    for option, text in given.items():
        if text != text.encode(errors="replace").decode():
            raise UsageError(
                f"The value of `{printable(option)}` is not UTF-8 text", hint="Write it in UTF-8"
            )
    for name in options.labels:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", name):
            raise UsageError(
                f"`{name}` is not the name of a label", hint="Write it like `--label org.example.key=value`"
            )
