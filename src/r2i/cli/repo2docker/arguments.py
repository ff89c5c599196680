"""The command line of repo2docker, option by option: only argparse takes abbreviations, as BinderHub writes them."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from r2i import __version__
from r2i.cli.repo2docker.config_file import DEFAULT, read_config
from r2i.cli.repo2docker.invocation import Given, Invocation
from r2i.cli.repo2docker.traits import CLASSES, as_given, settings_of
from r2i.engines.naming import checked_reference, is_image_name, too_long
from r2i.errors import UsageError
from r2i.quoting import printable

DESCRIPTION = "Build an image of a repository, and run it: r2i in place of repo2docker."
SETTINGS = "Settings, such as --Repo2Docker.base_image=IMAGE, are listed by --help-all."

#: Of an option that repo2docker had once.
REMOVED = 255

SETTING = re.compile(r"--[A-Za-z_]\w*\.\w+=")

FLAGS = {
    "--json-logs": "write one JSON object a line",
    "--debug": "show tracebacks of errors",
    "-P --publish-all": "publish all ports that the image exposes",
    "-E --editable": "mount the local repository, so that changes are kept",
}
#: What each switches on, and off.
SWITCHES = {
    "build": ("on", "build the image", "print the Dockerfile instead; needs no container engine"),
    "run": ("on", "run a container of the image", "do not run it"),
    "push": ("off", "push the image to its registry", "do not push it"),
    "clean": ("on", "remove what was fetched", "accepted: r2i always removes what it fetched"),
}
VALUES = {
    "--config": ("FILE", "file with settings, in Python or JSON; no file is read by default"),
    "--image-name": ("NAME", "name of the image [default: made from the name of the repository]"),
    "--ref": ("REF", "branch, tag or commit of a git or Mercurial repository"),
    "--subdir": ("DIR", "directory of the repository to build"),
    "--user-id": ("UID", "numeric id of the user in the image [default: yours]"),
    "--user-name": ("NAME", "name of the user in the image [default: yours]"),
    "--target-repo-dir": ("DIR", "directory of the repository in the image [default: home directory]"),
    "--appendix": ("TEXT", "instructions to append to the Dockerfile"),
    "--engine": ("NAME", "docker or podman [default: the one that works]"),
}
#: The field that collects them, and what they are.
SEVERAL = {
    "-p --publish": ("ports", "[[HOST:]PORT:]PORT", "port to publish, by default on 127.0.0.1"),
    "-v --volume": ("volumes", "SRC:DEST[:ro]", "file or directory to mount"),
    "-e --env": ("environment", "NAME[=VALUE]", "variable of the container, not of the build"),
    "--label": ("labels", "NAME=VALUE", "label of the image"),
    "--build-arg": ("build_args", "NAME=VALUE", "build argument of the repository's own Dockerfile"),
    "--cache-from": ("cache_from", "IMAGE", "image whose layers may be used"),
}


class MisusedError(UsageError):
    """The command line cannot be read at all; `usage` is how it is written."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message, hint="Run it with `--help` to list the options")
        self.usage = usage


class RemovedError(UsageError):
    """An option that no longer exists."""


class Parser(argparse.ArgumentParser):
    def format_help(self) -> str:
        return super().format_help().replace("usage:", "Usage:", 1)

    def format_usage(self) -> str:
        return super().format_usage().replace("usage:", "Usage:", 1)

    def error(self, message: str) -> NoReturn:
        # The value of an option that could be two may be a token.
        message = re.sub(r"(?s)^(ambiguous option: [^=]+)=.* could match", r"\1 could match", message)
        raise MisusedError(message.replace("required: repo, cmd", "required: repo"), self.format_usage())


class HelpAsked(Exception):  # noqa: N818 - not a failure
    """A text that was asked for, and nothing else is to be done."""


class Show(argparse.Action):
    """Answer at once, whatever else is on the command line; `const` makes the text of the parser."""

    def __init__(self, option_strings: Sequence[str], dest: str, *, const: Any, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, const=const, help=help, default=argparse.SUPPRESS)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        raise HelpAsked(self.const(parser))


class FromHost(argparse.Action):
    """`KEY=VALUE`, or a `KEY` that is left out where this machine has none."""

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: Any, option: object = None
    ) -> None:
        del parser, option
        name, equals, _ = values.partition("=")
        if equals or name in os.environ:
            getattr(namespace, self.dest).append(values if equals else f"{name}={os.environ[name]}")


def parser() -> Parser:
    name = Path(sys.argv[0]).name
    called = name if name.endswith("repo2docker") else "r2i repo2docker"
    made = Parser(prog=called, description=DESCRIPTION, epilog=SETTINGS, add_help=False)
    for names, about in _options():
        made.add_argument(*names.split(), **about)
    return made


def _options() -> Iterator[tuple[str, dict[str, Any]]]:
    """Exactly the options of repo2docker: another one could make an abbreviation mean two."""
    yield "repo", {"help": "directory, URL or DOI of the repository"}
    yield "cmd", {"nargs": argparse.REMAINDER, "help": "command to run; everything after REPO belongs to it"}
    yield "-h --help", {"action": Show, "const": _help, "help": "show this help and exit"}
    yield "--help-all", {"action": Show, "const": _help_all, "help": "show this help and all settings"}
    yield "--version", {"action": Show, "const": _version, "help": "show the version and exit"}
    for name, text in FLAGS.items():
        yield name, {"action": "store_true", "default": None, "help": text}
    for name, (default, on, off) in SWITCHES.items():
        marks = ("", " (the default)") if default == "off" else (" (the default)", "")
        yield f"--{name}", {"action": "store_true", "default": None, "help": on + marks[0]}
        yield f"--no-{name}", {"dest": name, "action": "store_false", "default": None, "help": off + marks[1]}
    for name, (metavar, text) in VALUES.items():
        yield name, {"metavar": metavar, "help": text, **KINDS.get(name, {})}
    for name, (field, metavar, text) in SEVERAL.items():
        about = {"dest": field, "action": FromHost if field == "environment" else "append"}
        yield name, {**about, "default": [], "metavar": metavar, "help": f"{text}; repeatable"}
    yield "--build-memory-limit", {"help": argparse.SUPPRESS}


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether `--json-logs` is among the options, also where the rest of the words cannot be read."""
    options = parser()._option_string_actions  # noqa: SLF001 - no other way
    left = iter(words)
    for word in left:
        if not word.startswith("-") or word == "--":  # the repository: what follows is of its command
            return False
        name, equals, _ = word.partition("=")
        meant = (
            [options[name]]
            if name in options
            else [options[each] for each in options if each.startswith(name)]
        )
        if any(action.dest == "json_logs" for action in meant):
            return True
        if len(meant) == 1 and meant[0].nargs is None and not equals:
            next(left, None)
    return False


def read(words: Sequence[str]) -> Invocation:
    """What the words of a command line ask for. Raises `UsageError`; `MisusedError` where argparse would exit with 2."""
    # argparse takes a word with a blank for no option; no word of a command line has a null character.
    joined = [word.replace(" ", "\0") if SETTING.match(word) else word for word in words]
    typed, others = parser().parse_known_args(joined)
    typed.cmd, others = _with_blanks(typed.cmd), _with_blanks(others)
    if typed.cmd and typed.cmd[0].startswith("-") and typed.cmd[0] != "--":
        word = typed.cmd[0].partition("=")[0]
        raise MisusedError(
            f"{printable(word)} stands after the repository, where the command to run begins",
            parser().format_usage(),
        )
    if typed.build_memory_limit:
        raise RemovedError(
            "`--build-memory-limit` no longer exists",
            hint="Limit the memory of the container engine or of its builder",
        )
    settings, warnings = {}, list[str]()
    if typed.config is not None:
        local = Path(typed.repo)
        settings = read_config(Path(typed.config), repository=local if local.is_dir() else None)
    elif Path(DEFAULT).is_file():
        warnings.append(f"`{DEFAULT}` is not read: pass `--config {DEFAULT}` if it is yours")
    of_words, unknown = settings_of(others)
    warnings += _unknown(unknown)
    given, said = as_given(settings | of_words)
    wanted = Invocation(**(given | _flags(typed, given)), warnings=(*warnings, *said))
    _check(wanted)
    return wanted


def _with_blanks(words: Iterable[str]) -> list[str]:
    return [word.replace("\0", " ") for word in words]


def _flags(typed: argparse.Namespace, given: Given) -> Given:
    """What flags say, over what settings say; variables, labels and arguments are added to those."""
    command = typed.cmd[1:] if typed.cmd[:1] == ["--"] else typed.cmd
    found: Given = {"repo": typed.repo, "environment": (*given.get("environment", ()), *typed.environment)}
    found["volumes"] = (*given.get("volumes", ()), *typed.volumes)
    found["labels"] = {**given.get("labels", {}), **_pairs(typed.labels)}
    found["build_args"] = {**given.get("build_args", {}), **_pairs(typed.build_args)}
    if command:
        found["command"] = tuple(command)
    names = ("ref", "subdir", "image_name", "json_logs", "debug", "build", "run", "push", "engine", "user_id")
    for name in (*names, "user_name", "repo_dir", "appendix", "publish_all", "editable"):
        if (value := getattr(typed, name)) not in (None, ""):
            found[name] = value
    for name in ("ports", "cache_from"):
        if getattr(typed, name):
            found[name] = tuple(getattr(typed, name))
    if not found.get("build", given.get("build", True)):
        found |= {"run": False, "push": False}
    return found


def _check(wanted: Invocation) -> None:
    """Refuse what does not go together. Raises `UsageError`."""
    needs_run = {
        "--volume": wanted.volumes,
        "--editable": wanted.editable,
        "--env": wanted.environment,
        "--publish": wanted.ports,
        "--publish-all": wanted.publish_all,
    }
    for option, value in needs_run.items():
        if value and not wanted.run:
            raise UsageError(
                f"`{option}` needs a container, and none is run",
                hint=f"Remove `{option}`, or `--no-run` or `--no-build`",
            )
    if len(wanted.ports) > 1 and not wanted.command:
        raise UsageError(
            "Several ports are published, and no command uses them",
            hint="Name the command after the repository",
        )
    if wanted.push and not wanted.image_name:
        raise UsageError("`--push` needs the name of the image", hint="Add `--image-name REGISTRY/NAME:TAG`")
    if wanted.image_name:
        checked_reference(wanted.image_name)


def _image_name(text: str) -> str:
    if not is_image_name(text):
        why = too_long(text) or "use lower-case letters and digits, with `.`, `_` or `-` between them"
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid image name: {why}")
    return text


def _pairs(texts: Iterable[str]) -> Mapping[str, str]:
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def _unknown(words: Iterable[str]) -> list[str]:
    """repo2docker warns of what has a value, and stops at anything else."""
    found = []
    for word in words:
        name, equals, _ = word.partition("=")
        near = difflib.get_close_matches(name, parser()._option_string_actions, n=1)  # noqa: SLF001 - no other way
        meant = f"; did you mean `{near[0]}`?" if near else ""
        if not (word.startswith("--") and equals):
            raise MisusedError(f"unrecognized argument: {printable(name)}{meant}", parser().format_usage())
        found.append(f"`{printable(name)}` is not an option, and has no effect{meant}")
    return found


#: Of values that are no texts, or have another name.
KINDS: dict[str, dict[str, Any]] = {
    "--image-name": {"type": _image_name},
    "--user-id": {"type": int},
    "--target-repo-dir": {"dest": "repo_dir"},
}


def _version(_made: argparse.ArgumentParser) -> str:
    return f"{__version__}\n"


def _help(made: argparse.ArgumentParser) -> str:
    return made.format_help()


def _help_all(made: argparse.ArgumentParser) -> str:
    """The options, then the settings by class."""
    lines = [made.format_help(), "settings:"]
    for name, traits in CLASSES.items():
        if name != "Application":
            lines += [f"  --{name}.{trait}\n        {about.help}" for trait, about in sorted(traits.items())]
    return "\n".join([*lines, ""])
