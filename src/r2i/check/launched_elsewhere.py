"""Whether the links in a README start Binder with other files than these: those of another branch, or of another repository."""

from __future__ import annotations

import re

from r2i.check.subject import Subject

READMES = ("README.md", "README.rst", "README.txt", "README", "readme.md", "Readme.md")

LINK = re.compile(
    r"\bmybinder\.org/v2/gh/(?P<repository>[\w.-]{1,100}/[\w.-]{1,100})/(?P<ref>[\w.%-]{1,200})(?P<query>\?[^\s)>\"']{0,2000})?",
    re.ASCII,
)

#: What stands for the newest files of a repository.
NEWEST = frozenset({"HEAD", "main", "master"})


def launched_elsewhere(subject: Subject) -> str:
    """The branch that all links start, or the repository that gets these files by nbgitpuller; empty where a link starts these files, or there is none."""
    text = next(filter(None, (subject.text(name) for name in READMES if name in subject.files)), "")
    links = [*LINK.finditer(text)]
    own = subject.git.branch if subject.git else None
    for link in links:
        if (link["ref"] in NEWEST and "git-pull" not in (link["query"] or "")) or link["ref"] == own:
            return ""
    if not links:
        return ""
    return links[0]["repository"] if links[0]["ref"] in NEWEST else links[0]["ref"]
