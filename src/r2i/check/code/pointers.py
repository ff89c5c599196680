"""Texts that stand for files whose content git does not keep.

Git LFS: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, git-annex: https://git-annex.branchable.com/internals/pointer_file/
"""

from __future__ import annotations

from dataclasses import dataclass

#: How long such a text may be, in bytes.
LONGEST = 1024


@dataclass(frozen=True)
class Pointer:
    """`command` fetches the content; `{path}` stands for the file, quoted for a shell."""

    program: str
    begins: bytes
    command: str


POINTERS = (
    Pointer("Git LFS", b"version https://git-lfs.github.com/spec/", "git lfs pull"),
    Pointer("git-annex", b"/annex/objects/", "git annex get {path}"),
)


def pointer_of(data: bytes) -> Pointer | None:
    """Whose pointer it is, None where it is the content itself."""
    if len(data) > LONGEST:
        return None
    return next((one for one in POINTERS if data.startswith(one.begins)), None)
