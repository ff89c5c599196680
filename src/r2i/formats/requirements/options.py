"""The options that a line of a requirements file may have, and how pip's command line syntax writes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import Line, quoted

#: Every spelling, with the name that the rest of r2i uses; those in `VALUED` take a value.
SPELLINGS = {
    "-r": "requirement",
    "--requirement": "requirement",
    "-c": "constraint",
    "--constraint": "constraint",
    "-e": "editable",
    "--editable": "editable",
    "-i": "index-url",
    "--index-url": "index-url",
    "--pypi-url": "index-url",
    "--extra-index-url": "extra-index-url",
    "-f": "find-links",
    "--find-links": "find-links",
    "--no-index": "no-index",
    "--no-binary": "no-binary",
    "--only-binary": "only-binary",
    "--pre": "pre",
    "--trusted-host": "trusted-host",
    "--hash": "hash",
    "-C": "config-settings",
    "--config-setting": "config-settings",
    "--config-settings": "config-settings",
    "--prefer-binary": "prefer-binary",
    "--require-hashes": "require-hashes",
    "--use-feature": "use-feature",
    "--all-releases": "all-releases",
    "--only-final": "only-final",
    "--global-option": "global-option",
    "--install-option": "install-option",
    # Options that pip knew once and that old files still have.
    "-Z": "always-unzip",
    "--always-unzip": "always-unzip",
    "--allow-all-external": "allow-all-external",
    "--allow-external": "allow-external",
    "--allow-unverified": "allow-unverified",
    "--process-dependency-links": "process-dependency-links",
    "--use-wheel": "use-wheel",
    "--no-use-wheel": "no-use-wheel",
}

VALUED = {
    "requirement",
    "constraint",
    "editable",
    "index-url",
    "extra-index-url",
    "find-links",
    "no-binary",
    "only-binary",
    "trusted-host",
    "hash",
    "config-settings",
    "use-feature",
    "all-releases",
    "only-final",
    "global-option",
    "install-option",
    "allow-external",
    "allow-unverified",
}

#: What belongs to the requirement before it; everything else concerns the whole installation.
OF_REQUIREMENT = {"hash", "config-settings", "global-option", "install-option"}

#: What has no counterpart and changes little or nothing: said, at this level, and left out.
WITHOUT_EFFECT = {
    "prefer-binary": "info",
    "require-hashes": "info",
    "use-feature": "info",
    "always-unzip": "info",
    "use-wheel": "info",
    "allow-all-external": "info",
    "allow-external": "info",
    "allow-unverified": "info",
    "no-use-wheel": "warning",
    "process-dependency-links": "warning",
    "all-releases": "warning",
    "only-final": "warning",
    "global-option": "warning",
    "install-option": "warning",
}


#: What people copy from their terminal or notebook.
COMMAND = re.compile(r"[!%$]? ?(?:sudo )?(?:pip[\d.]*|python[\d.]* -m pip|conda|mamba|apt(?:-get)?|uv) .*")


def split_line(line: Line) -> tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Part a line into its requirement, its options with their values, and words that pip overlooks."""
    words = line.text.split(" ")
    end = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    if end == len(words):
        return line.text, (), ()
    try:
        rest = shlex.split(" ".join(words[end:]))
    except ValueError as error:
        raise line.error(
            f"{quoted(line.text)} has an unfinished quotation", hint="Close the quotes"
        ) from error
    options: list[tuple[str, str]] = []
    overlooked: list[str] = []
    tokens = iter(rest)
    for token in tokens:
        if token.startswith("-") and token != "-":  # noqa: S105 - a word of the line, no secret
            options.append(_option(token, tokens, line=line))
        else:
            overlooked.append(token)
    return " ".join(words[:end]), tuple(options), tuple(overlooked)


def _option(token: str, following: Iterator[str], *, line: Line) -> tuple[str, str]:
    if token.startswith("--"):
        spelling, equals, value = token.partition("=")
    else:
        spelling, value = token[:2], token[2:]
        equals = value
    name = _name(spelling, line=line)
    if name not in VALUED:
        if equals:
            raise line.error(f"`{spelling}` takes no value", hint=f"Write `{spelling}` alone")
        return name, ""
    if not equals:
        value = next(following, "")
    if not value:
        raise line.error(f"`{spelling}` has no value", hint=f"Write the value after `{spelling}`")
    return name, value


def _name(spelling: str, *, line: Line) -> str:
    if spelling in SPELLINGS:
        return SPELLINGS[spelling]
    # pip takes any unambiguous beginning of a long option.
    names = {SPELLINGS[known] for known in SPELLINGS if known.startswith(spelling) and spelling != "--"}
    if len(names) == 1:
        return names.pop()
    if set(line.text) <= {"-", " "}:
        raise line.error(
            "The file is a table in the format of `pip list`",
            hint="Generate it with `pip list --format=freeze > requirements.txt`",
        )
    if COMMAND.fullmatch(line.text):
        raise is_a_command(line)
    raise line.error(
        f"{quoted(spelling)} is not an option of a requirements file",
        hint="Remove it: options of `pip install` (`--upgrade`, `--user`, …) are not valid here",
    )


def is_a_command(line: Line) -> InvalidRepositoryError:
    return line.error(
        f"{quoted(line.text)} is a command, not a requirement",
        hint="Keep only the requirement, such as `numpy>=1.26`",
    )
