"""What the launch links of the README open: this branch, or an environment that lies elsewhere."""

from __future__ import annotations

import re

from r2i.check.subject import Subject
from r2i.formats.r.interfaces import READMES

#: A link to a BinderHub: its branch or tag, and what follows.
LAUNCH = re.compile(
    r"/v2/(?:gh|gl|git)/[^/\s()]+/(?:[^/\s()]+/)?(?P<ref>[^/\s?()\"'<>]+)/?(?P<rest>[?][^\s()\"'<>]*|(?=[\s()\"'<>]|$))"
)
#: Such a link fetches its notebooks with nbgitpuller, and its environment is that of another branch or repository.
PULLS = re.compile(r"git-?pull")


def opens_elsewhere(subject: Subject) -> bool:
    """Whether there are such links, and all open other branches, or pull notebooks into an environment of their own."""
    return subject.once(_opens_elsewhere)


def has_environment_elsewhere(subject: Subject) -> bool:
    """Whether no file here defines the environment, and the links open one that may have what is missing."""
    environment = subject.environment
    return environment is not None and not environment.defined_by and opens_elsewhere(subject)


def _opens_elsewhere(subject: Subject) -> bool:
    texts = [subject.text(name) or "" for name in READMES if subject.checkout.has(name)]
    links = [match for text in texts for match in LAUNCH.finditer(text)]
    here = {"HEAD", "main", "master", subject.git.branch if subject.git is not None else None}
    return bool(links) and all(link["ref"] not in here or PULLS.search(link["rest"]) for link in links)
