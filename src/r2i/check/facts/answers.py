"""What package indexes say of distributions that the tables do not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A release of a distribution: the normalised names of what it needs on Linux, and of what its extras need besides.

    `extended` are those of them of which it asks for extras, `extended_by_extras` those of which only its own extras do: an extra
    `all` is often the package itself with its other extras. `modules` are empty where the index does not send its wheels in parts: metadata does not name them.
    """

    version: str
    requires: tuple[str, ...] = ()
    of_extras: tuple[str, ...] = ()
    extended: tuple[str, ...] = ()
    extended_by_extras: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


#: What an index says of a distribution that it does not have.
ABSENT = Answer(version="")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was asked of an index, whose address has no credentials; `cached` are names with an answer of an earlier check."""

    index: str
    names: tuple[str, ...]
    cached: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Online:
    """What became of asking: `unanswered` are the names that no index has, or of which it has no wheel, `absent` those of them that no
    index has; `failure` says why not all were asked, empty where they were."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    unanswered: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    failure: str = ""

    @property
    def sentence(self) -> str:
        """Who was asked for what."""
        parts = [
            f"`{one.index}` was asked about {_listed([name for name in one.names if name not in one.cached])}"
            if set(one.names) - set(one.cached)
            else f"answers of `{one.index}` about {_listed(one.cached)} from the cache"
            for one in self.questions
        ]
        if self.absent:
            parts.append(f"no index has {_listed(self.absent)}")
        if without_wheel := [name for name in self.unanswered if name not in self.absent]:
            parts.append(f"no wheel of {_listed(without_wheel)}")
        if self.failure:
            parts.append(self.failure)
        return "; ".join(parts) or "nothing to ask"


NOBODY = Online()

#: More names make a sentence longer, and nobody wiser.
MOST_LISTED = 5


def _listed(names: Iterable[str]) -> str:
    names = [*names]
    shown = [f"`{name}`" for name in names[:MOST_LISTED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def expanded(names: Iterable[str], answers: Mapping[str, Answer], extras: Iterable[str] = ()) -> set[str]:
    """These names, and all that the answers about them say is needed; `extras` are those of which more is asked for."""
    found: set[str] = set()
    pending, more = [*names], {*extras}
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        if answer := answers.get(name):
            more |= {*answer.extended, *(answer.extended_by_extras if name in more else ())}
            pending += answer.requires
            pending += answer.of_extras if name in more else ()
    return found
