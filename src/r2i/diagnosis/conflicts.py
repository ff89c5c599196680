"""Which two requirements contradict each other, from what uv, pip and conda's solver say at length."""

from __future__ import annotations

import re
from itertools import combinations

from r2i.formats.requirements.specifiers import normalised

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
VERSIONED = rf"{NAME}(?:\[[\w,-]+\])?(?:[<>=!~][^\s,]*(?:,[<>=!~][^\s,]*)*)?"

#: Who needs what: uv and pip write `pandas==2.2.3 depends on numpy>=1.26.0`, pip with a blank, the solver of conda
#: `pandas 2.0.0 would require` and on the next line `└─ numpy >=1.26, …`.
NEEDS = (
    re.compile(rf"(?P<who>(?<!\S){NAME} \d\S*|{VERSIONED}) depends on (?P<what>{VERSIONED})"),
    re.compile(
        rf"(?P<who>{NAME} [\w.*]+)(?: \| [\w.*]+)* would require\s+[│ ]*[├└]─ (?P<what>{NAME} [^,\n]+),"
    ),
)

ASKED = (
    re.compile(rf"you require (?P<what>{VERSIONED})"),
    re.compile(rf"The user requested (?P<what>{VERSIONED})"),
    re.compile(
        rf"^Solving for [^:\s]+: (?P<all>[^\n]+)|^[├└]─ (?P<what>{NAME} [^,\n]+) can(?:not)? be installed",
        re.MULTILINE,
    ),
)

#: Where nothing else is needed for a contradiction.
TWICE = re.compile(rf"Because you require ({VERSIONED}) and ({VERSIONED}), we can conclude")

#: How much of an explanation that is not understood is shown.
MAX_SHOWN = 200


def summary(text: str) -> str:
    """One sentence: who needs what, and what is asked for instead."""
    flat = " ".join(text.split())
    needs = [
        (match["who"], match["what"].rstrip("."))
        for pattern, said in zip(NEEDS, (flat, text), strict=True)
        for match in pattern.finditer(said)
    ]
    # What uv concludes on its way (`we can conclude that you require numpy>=1.26`) nobody has asked for.
    asked = [what for what in _asked(text, flat) if what not in {what for _, what in needs}]
    for who, what in needs:
        for other in asked:
            if _name(other) == _name(what) and other != _name(other):
                return f"`{who}` needs `{what}`, but `{other}` is required"
    for (who, what), (another, other) in combinations(needs, 2):
        if _name(other) == _name(what) and other != what and another != who:
            return f"`{who}` needs `{what}`, but `{another}` needs `{other}`"
    if twice := TWICE.search(flat):
        return f"`{twice[1]}` and `{twice[2]}` are both required"
    return _conclusion(flat)


def _asked(text: str, flat: str) -> list[str]:
    said = (flat, text, text)
    found = [match for pattern, part in zip(ASKED, said, strict=True) for match in pattern.finditer(part)]
    groups = [match.groupdict() for match in found]
    return [
        one.strip().rstrip(".")
        for group in groups
        for one in ([group["what"]] if group["what"] else re.split(r", (?=[A-Za-z])", group["all"]))
    ]


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]*\w", requirement)
    return normalised(found[0]) if found else requirement


def _conclusion(words: str) -> str:
    start = next((at for word in ("Because ", "because of: ") if (at := words.find(word)) >= 0), 0)
    said = re.sub(r"\.?(?: exit status \d+)?$", "", words[start:])
    shown = said.removeprefix("because of: ").replace("`", "'")
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"
    return f"The requirements contradict each other: {shown}"
