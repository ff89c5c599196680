"""`--Class.trait=value`: what traitlets makes of the text, and which option of r2i it is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from r2i.cli.repo2docker.invocation import Given
from r2i.errors import UsageError
from r2i.quoting import printable

Kind: TypeAlias = Literal["text", "level", "number", "truth", "texts", "table", "ports"]

#: `Class` and `trait`.
Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Trait:
    """A setting of repo2docker: the field of `Invocation` that it is, or why it has no effect; neither where that surprises nobody.

    No message shows the value of one that is `secret`.
    """

    kind: Kind
    help: str
    field: str = ""
    no_effect: str = ""
    secret: bool = False


OF_DOCKER_PY = "r2i builds with the program of the engine"
OWN = "r2i has its own"

REPO2DOCKER: dict[str, Trait] = {
    "all_ports": Trait(kind="truth", field="publish_all", help="as `--publish-all`"),
    "appendix": Trait(kind="text", field="appendix", help="as `--appendix`"),
    "base_image": Trait(kind="text", field="base_image", help="Image to build on"),
    "cache_from": Trait(kind="texts", field="cache_from", help="as `--cache-from`"),
    "cleanup_checkout": Trait(kind="truth", help="No effect: r2i always removes what it fetched"),
    "default_buildpack": Trait(
        kind="text", field="default_buildpack", help="With `None`, fail where no file declares an environment"
    ),
    "dry_run": Trait(kind="truth", field="dry_run", help="as `--no-build`"),
    "engine": Trait(kind="text", field="engine", help="as `--engine`"),
    "environment": Trait(kind="texts", field="environment", help="as `--env`", secret=True),
    "extra_build_args": Trait(kind="table", field="build_args", help="as `--build-arg`", secret=True),
    "json_logs": Trait(kind="truth", field="json_logs", help="as `--json-logs`"),
    "labels": Trait(kind="table", field="labels", help="as `--label`"),
    "output_image_spec": Trait(kind="text", field="image_name", help="as `--image-name`"),
    "platform": Trait(kind="text", field="platform", help="Platform of the image, such as `linux/amd64`"),
    "ports": Trait(kind="ports", field="ports", help="Ports to publish, container port to host port"),
    "push": Trait(kind="truth", field="push", help="as `--push`"),
    "ref": Trait(kind="text", field="ref", help="as `--ref`"),
    "run": Trait(kind="truth", field="run", help="as `--run`"),
    "run_cmd": Trait(kind="texts", field="command", help="Command to run"),
    "subdir": Trait(kind="text", field="subdir", help="as `--subdir`"),
    "swh_token": Trait(kind="text", field="swh_token", help="Token for Software Heritage", secret=True),
    "target_repo_dir": Trait(kind="text", field="repo_dir", help="as `--target-repo-dir`"),
    "user_id": Trait(kind="number", field="user_id", help="as `--user-id`"),
    "user_name": Trait(kind="text", field="user_name", help="as `--user-name`"),
    "volumes": Trait(kind="table", field="volumes", help="Directories to mount, host path to container path"),
    "build_memory_limit": Trait(
        kind="text", help="No effect", no_effect="limit the memory of the engine instead"
    ),
    "buildpacks": Trait(kind="texts", help="No effect", no_effect=f"{OWN} buildpacks"),
    "content_providers": Trait(kind="texts", help="No effect", no_effect=f"{OWN} ways to fetch a repository"),
    "extra_build_kwargs": Trait(kind="table", help="No effect", no_effect=OF_DOCKER_PY),
    "extra_run_kwargs": Trait(kind="table", help="No effect", no_effect=OF_DOCKER_PY),
    "git_workdir": Trait(
        kind="text", help="No effect", no_effect="r2i fetches into a private directory below `TMPDIR`"
    ),
    "repo": Trait(kind="text", help="No effect", no_effect="the command line names the repository"),
    "log_format": Trait(kind="text", help="No effect", no_effect="`--json-logs` is the only other format"),
    "log_level": Trait(kind="level", field="log_level", help="`DEBUG` or `10` is `--debug`"),
}
ENGINE: dict[str, Trait] = {
    "registry_credentials": Trait(kind="table", field="registry", help="Login for `--push`: `registry`, `username`, `password`", secret=True),
    "extra_buildx_build_args": Trait(kind="texts", field="engine_arguments", help="Arguments for the build command of the engine"),
    "extra_init_args": Trait(kind="table", help="No effect, as in repo2docker"),
    "string_output": Trait(kind="truth", help="No effect, as in repo2docker"),
}  # fmt: skip

CLASSES: Mapping[str, Mapping[str, Trait]] = {
    "Repo2Docker": REPO2DOCKER,
    "Application": {name: REPO2DOCKER[name] for name in ("log_format", "log_level")},
    "DockerEngine": ENGINE,
    "ContainerEngine": ENGINE,
}

#: Values of a file are objects of Python, those of the command line are texts.
Settings: TypeAlias = dict[Key, Any]


def settings_of(words: Iterable[str]) -> tuple[Settings, tuple[str, ...]]:
    """The values that `--Class.trait=value` gives, and the words that are no setting."""
    given: dict[Key, list[str]] = {}
    others = []
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        kind, dot, trait = name.partition(".")
        if word.startswith("--") and equals and dot and kind and trait:
            given.setdefault((kind, trait), []).append(value)
        else:
            others.append(word)
    return {key: _read(key, values) for key, values in given.items()}, tuple(others)


def as_given(settings: Settings) -> tuple[Given, tuple[str, ...]]:
    """The fields that settings stand for, and what is to be said of those that stand for none. Raises `UsageError`."""
    given: Given = {}
    warnings = []
    for (kind, name), value in settings.items():
        trait = CLASSES.get(kind, {}).get(name)
        if trait is None or trait.no_effect:
            why = trait.no_effect if trait else "r2i does not know it"
            warnings.append(f"`{printable(kind)}.{printable(name)}` has no effect: {why}")
        elif trait.field:
            given |= _converted(trait.field, _checked((kind, name), value, trait.kind))
    return given, tuple(warnings)


def _converted(field: str, value: Any) -> Given:  # noqa: PLR0911 - one for each form
    """A field that has another form, or another name, in r2i."""
    match field:
        case "default_buildpack":
            return {"must_declare": value is None}
        case "dry_run":
            return {"build": not value}
        case "log_level":
            return {"debug": str(value).upper() in {"DEBUG", "10"}}
        case "volumes":
            return {"volumes": tuple(f"{source}:{target}" for source, target in value.items())}
        case "ports":
            return {"ports": tuple(_port(str(port), host) for port, host in value.items())}
        case _ if value is None:
            return {}
        case _:
            return {field: value}


def _port(container: str, host: Any) -> str:
    """`{"8888/tcp": 8000}`, or `("127.0.0.1", 8000)` for the host."""
    words = [str(word) for word in host] if isinstance(host, (tuple, list)) else [str(host)]
    return ":".join((*words, container.removesuffix("/tcp")))


def _read(key: Key, values: list[str]) -> Any:  # noqa: PLR0911 - one for each kind
    """What traitlets makes of the texts; of a name that nobody knows, nothing depends on that."""
    trait = CLASSES.get(key[0], {}).get(key[1])
    if trait is None:
        return values[-1]
    match trait.kind:
        case "texts":
            if len(values) == 1 and values[0][:1] in {"[", "("}:
                return _literal(key, values[0])
            return values
        case "table" | "ports":
            if len(values) == 1 and values[0].startswith("{"):
                return _literal(key, values[0])
            return dict(_pair(key, value) for value in values)
        case "number":
            return None if values[-1] == "None" else _number(key, values[-1])
        case "truth":
            return {"true": True, "1": True, "false": False, "0": False}.get(values[-1].lower(), values[-1])
        case "text" | "level":
            return None if values[-1] == "None" else values[-1]


def _literal(key: Key, text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _wrong(key, text) from None  # a traceback would show the text


def _number(key: Key, text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise _wrong(key, text)
    return int(text[:20])


def _pair(key: Key, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise _wrong(key, text)
    return name, value


_KINDS: dict[Kind, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: value is None or isinstance(value, str), "a text"),
    "level": (lambda value: isinstance(value, (str, int)), "a level, such as `DEBUG`"),
    "number": (lambda value: value is None or type(value) is int, "a number"),
    "truth": (lambda value: isinstance(value, bool), "`True` or `False`"),
    "texts": (
        lambda value: isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value),
        "a list of texts, such as `['a', 'b']`",
    ),
    "table": (
        lambda value: isinstance(value, dict) and all(map(_is_plain, value.values())),
        "a dictionary of texts, such as `{'a': 'b'}`",
    ),
    "ports": (
        lambda value: isinstance(value, dict) and all(map(_is_port, value.values())),
        "a dictionary of ports, such as `{'8888/tcp': 8000}`",
    ),
}


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float))


def _is_port(value: object) -> bool:
    """A port, or its host and itself."""
    if isinstance(value, (tuple, list)):
        return len(value) == len(("host", "port")) and all(map(_is_plain, value))
    return _is_plain(value)


def _checked(key: Key, value: Any, kind: Kind) -> Any:
    fits, words = _KINDS[kind]
    if not fits(value):
        raise _wrong(key, value, hint=f"Write {words}")
    if kind == "texts":
        return tuple(value)
    if kind == "table":
        return {str(name): str(each) for name, each in value.items()}
    return value


def _wrong(key: Key, value: object, *, hint: str = "Write it as Python does") -> UsageError:
    name = ".".join(key)
    if CLASSES[key[0]][key[1]].secret:
        return UsageError(f"`{name}` has no valid value", hint=hint)
    return UsageError(f"`{name}`: `{printable(str(value)[:80])}` is not a valid value", hint=hint)
