"""A repository's own Dockerfile as the check sees it: what its last stage says, all that it builds on included."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import Any

from r2i.checkout.bounds import check_dockerfile
from r2i.errors import InvalidRepositoryError
from r2i.facts.tables import read_table
from r2i.formats.dockerfile import BuildStage, Instruction, instructions, stages

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*+))?+[^}]*+\})")
PAIR = re.compile(r"(\w+)=(\"[^\"]*\"|'[^']*'|[^\s\"']\S*)")

#: What Binder passes to every build.
OF_BINDER = {"NB_USER": "jovyan", "NB_UID": "1000"}


@dataclass(frozen=True)
class ParsedDockerfile:
    path: str
    text: str

    @cached_property
    def stages(self) -> tuple[BuildStage, ...]:
        return stages(self.text)

    @cached_property
    def chain(self) -> tuple[BuildStage, ...]:
        """The last stage, and before it those that it is built on."""
        found: list[BuildStage] = []
        wanted = ""
        for number, stage in enumerate(reversed(self.stages)):
            if number == 0 or (wanted and stage.name == wanted):
                found.append(stage)
                wanted = stage.base.lower() if stage.inherits else ""
        return tuple(reversed(found))

    @cached_property
    def instructions(self) -> tuple[Instruction, ...]:
        """All of the image, in the order in which they are built."""
        return tuple(instruction for stage in self.chain for instruction in stage.instructions)

    def all_of(self, *keywords: str) -> Iterator[Instruction]:
        return (instruction for instruction in self.instructions if instruction.keyword in keywords)

    def last(self, keyword: str) -> Instruction | None:
        return next(iter([*self.all_of(keyword)][::-1]), None)

    @property
    def base(self) -> str:
        """The image that all is built on, with what variables stand for; a `$` is left where nobody says."""
        return self.expanded(self.chain[0].base) if self.chain else ""

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """What is said of them last."""
        found: dict[str, str] = {}
        for each in instructions(self.text):
            if each.keyword in {"ARG", "ENV"}:
                pairs = PAIR.findall(each.value) or [each.value.partition(" ")[::2]]
                found |= {name: value.strip().strip("\"'") for name, value in pairs if value.strip()}
        return found | OF_BINDER

    def expanded(self, value: str) -> str:
        for _ in range(3):  # a variable may stand for another one
            value = VARIABLE.sub(self._value, value[:2000])[:2000]
        return value

    def _value(self, match: re.Match[str]) -> str:
        return self.variables.get(match[1] or match[2], match[3] or match[0])


def own_dockerfile(path: str, text: str) -> ParsedDockerfile | None:
    """None where there is no stage in it, or more than anybody reads."""
    try:
        check_dockerfile(text, path)
    except InvalidRepositoryError:
        return None
    found = _parsed(path, text)
    return found if found.stages else None


@lru_cache(maxsize=1)
def _parsed(path: str, text: str) -> ParsedDockerfile:
    return ParsedDockerfile(path, text)


def tag_of(image: str) -> str | None:
    """The tag of a reference, None where it has none; a digest is better than any."""
    name, _, digest = image.partition("@")
    return digest or name.rpartition("/")[2].partition(":")[2] or None


def is_plain(image: str) -> bool:
    """Whether it is known to have no Jupyter."""
    return _is_in("plain", image)


def runs_as_root(image: str) -> bool:
    return is_plain(image) and not _is_in("own_user", image)


def is_for_jupyter(image: str) -> bool:
    return _is_in("for_jupyter", image)


def has_id_1000(user: str) -> bool:
    return user in _images()["users_1000"]


def exec_form(value: str) -> list[str] | None:
    """The words of an instruction in brackets, None where it is in the form for a shell."""
    try:
        words = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _is_in(table: str, image: str) -> bool:
    name = image.partition("@")[0]
    directory, slash, last = name.rpartition("/")
    name = f"{directory}{slash}{last.partition(':')[0]}"
    name = re.sub(r"^(?:(?:index\.)?docker\.io/)?(?:library/)?", "", name)
    return any(fnmatchcase(name, pattern) for pattern in _images()[table])


def _images() -> dict[str, Any]:
    return read_table("r2i.check.facts", "base_images.toml")
