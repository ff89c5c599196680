"""Which commit is meant: asked of the server, without fetching anything of the repository."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from r2i.errors import FetchError, R2iError
from r2i.model import Source
from r2i.sources.git_program import GitProgram, serving
from r2i.sources.private import private_directory
from r2i.sources.protocol import Revision
from r2i.sources.typed import FULL_ID, is_ref

#: Git itself takes no shorter one.
SHORT_ID = re.compile(r"[0-9a-f]{4,63}", re.IGNORECASE)
#: From this length on, the start of a branch's or tag's commit is taken for it without looking for others.
TRUSTED_LENGTH = 7

PULL = re.compile(r"(?:pull|pulls|pr|pull-requests)/([0-9]+)(?:/(head|merge))?")
MERGE = re.compile(r"(?:merge-requests|merge_requests|mr)/([0-9]+)(?:/(head|merge))?")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a server lists: commits by full names (of an annotated tag, the commit), and the default branch."""

    commits: dict[str, str]
    default: str | None


def resolve(source: Source, git: GitProgram) -> Revision:
    """Raise `FetchError`, with the closest names, where there is no such ref."""
    if source.ref_path:
        return _link(source, git)
    if source.ref is None or source.ref == "HEAD":
        return _default(source, git)
    return _named(source, source.ref, git)


def meanings(ref: str) -> list[str]:
    """The full names that `ref` may stand for, in order of preference.

    A branch comes before a tag of the same name, as for `git clone --branch` and the pages of GitHub; `tags/NAME`
    means the tag. A name is never shortened: `feature/fix` is not `fix`.
    """
    if ref.startswith("refs/"):
        return [ref]
    names = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}"]
    if match := PULL.fullmatch(ref):
        kind = match[2] or "head"
        names += [f"refs/pull/{match[1]}/{kind}"]
        # Bitbucket's own server calls the two ends of a pull request `from` and `to`.
        names += [f"refs/pull-requests/{match[1]}/{'from' if kind == 'head' else kind}"]
    if match := MERGE.fullmatch(ref):
        names += [f"refs/merge-requests/{match[1]}/{match[2] or 'head'}"]
    return list(dict.fromkeys(names))


def _default(source: Source, git: GitProgram) -> Revision:
    listing = _listed(git, source.location, "HEAD")
    if "HEAD" in listing.commits:
        name = listing.default or "HEAD"
        return Revision(source=source, content_id=listing.commits["HEAD"], ref=name)
    names = _short_names(_listed(git, source.location))
    if not names:
        raise FetchError(f"`{source.location}` is empty", hint="Push a commit to it")
    raise FetchError(
        f"`{source.location}` has no default branch", hint=f"Name one with `--ref`: {_enumerated(names[:5])}"
    )


def _named(source: Source, ref: str, git: GitProgram) -> Revision:
    if FULL_ID.fullmatch(ref):
        return Revision(source=source, content_id=ref.lower(), ref=ref.lower())
    names = meanings(ref)
    listing = _listed(git, source.location, *_patterns(names))
    for name in names:
        if name in listing.commits:
            return Revision(source=source, content_id=listing.commits[name], ref=name)
    everything = _listed(git, source.location)
    if SHORT_ID.fullmatch(ref) and (commit := _short(source, ref.lower(), everything, git=git)):
        return Revision(source=source, content_id=commit, ref=commit)
    raise _no_such_ref(source, ref, everything)


def _link(source: Source, git: GitProgram) -> Revision:
    """Find where the ref ends in `feature/fix/docs/intro`: the longest name that exists."""
    parts = source.ref_path.split("/")
    ends = range(len(parts) - 1 if source.ref_path_is_file and len(parts) > 1 else len(parts), 0, -1)
    names = {end: meanings("/".join(parts[:end]))[:2] for end in ends if is_ref("/".join(parts[:end]))}
    if FULL_ID.fullmatch(parts[0]):
        return _split(source, parts, 1, commit=parts[0].lower(), ref=parts[0].lower())
    listing = _listed(git, source.location, *_patterns(name for pair in names.values() for name in pair))
    for end, pair in names.items():
        for name in pair:
            if name in listing.commits:
                return _split(source, parts, end, commit=listing.commits[name], ref=name)
    everything = _listed(git, source.location)
    if SHORT_ID.fullmatch(parts[0]) and (commit := _short(source, parts[0].lower(), everything, git=git)):
        return _split(source, parts, 1, commit=commit, ref=commit)
    if parts[0] == "HEAD":
        revision = _default(source, git)
        return _split(source, parts, 1, commit=str(revision.content_id), ref=revision.ref or "HEAD")
    raise _no_such_ref(source, source.ref_path, everything)


def _split(source: Source, parts: list[str], end: int, *, commit: str, ref: str) -> Revision:
    below = [] if source.ref_path_is_file else parts[end:]
    settled = replace(
        source,
        ref="/".join(parts[:end]),
        ref_path="",
        ref_path_is_file=False,
        subdirectory="/".join([*below, *filter(None, [source.subdirectory])]),
    )
    return Revision(source=settled, content_id=commit, ref=ref)


def _listed(git: GitProgram, location: str, *patterns: str) -> Listing:
    """A pattern of `git ls-remote` matches the end of a name, too; what it gives is looked up by the whole name."""
    commits: dict[str, str] = {}
    default = None
    for line in git.list(location, *patterns).splitlines():
        left, tab, name = line.partition("\t")
        if not tab:
            continue
        if left.startswith("ref: "):
            default = left.removeprefix("ref: ") if name == "HEAD" else default
        elif FULL_ID.fullmatch(left):
            # `name^{}` is the commit of the annotated tag `name`, and comes after it.
            commits[name.removesuffix("^{}")] = left
    usable = default if default is not None and is_ref(default) else None
    return Listing(commits=commits, default=usable)


def _patterns(names: Iterable[str]) -> list[str]:
    return [pattern for name in names for pattern in (name, f"{name}^{{}}")]


def _short(source: Source, prefix: str, listing: Listing, *, git: GitProgram) -> str | None:
    """The commit whose id begins so: of a branch or tag, else of the whole history, which has to be fetched for that."""
    tips = {commit for commit in listing.commits.values() if commit.startswith(prefix)}
    if len(prefix) >= TRUSTED_LENGTH and len(tips) == 1:
        return tips.pop()
    with private_directory() as directory:
        _fetch_commits(git, source.location, directory)
        listed = git.read("rev-parse", f"--disambiguate={prefix}", cwd=directory)
        described = git.read("cat-file", "--batch-check", cwd=directory, stdin=listed)
    found = {line.split()[0] for line in described.splitlines() if line.split()[1] == "commit"} | tips
    if len(found) > 1:
        raise FetchError(
            f"`{prefix}` is the start of {len(found)} commits of `{source.location}`",
            hint=f"Use more characters: {_enumerated(sorted(found)[:3])}",
        )
    return found.pop() if found else None


def _fetch_commits(git: GitProgram, location: str, directory: Path) -> None:
    """The history without the files, where the server can leave them out."""
    git.read("init", "--quiet", "--bare", "--template=", ".", cwd=directory)
    refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    how = ("fetch", "--quiet", *serving(location))
    done = git.fetch(*how, "--filter=tree:0", "--", location, *refs, cwd=directory)
    if done.returncode:
        done = git.fetch(*how, "--", location, *refs, cwd=directory)
    if done.returncode:
        raise git.failure(done, location)


def _no_such_ref(source: Source, ref: str, listing: Listing) -> R2iError:
    names = _short_names(listing)
    near = _near(ref, names)
    if near:
        hint = f"Did you mean {_enumerated(near, 'or')}?"
    elif names:
        more = f", and {len(names) - 5} more" if len(names) > 5 else ""
        hint = (
            f"Choose one of {_enumerated(names[:5], 'or') if not more else _enumerated(names[:5], ',')}{more}"
        )
    else:
        hint = "Push a commit to it"
    return FetchError(f"`{source.location}` has no branch, tag or commit `{ref}`", hint=hint)


def _near(ref: str, names: list[str]) -> list[str]:
    """The closest names: equal but for case or leading parts, then similar ones."""
    wanted = ref.lower()
    ends = [
        name for name in names if wanted.endswith(f"/{name.lower()}") or name.lower().endswith(f"/{wanted}")
    ]
    folded = {name.lower(): name for name in reversed(names)}
    similar = [folded[name] for name in get_close_matches(wanted, folded, n=3, cutoff=0.6)]
    starts = [name for name in names if wanted.startswith(f"{name.lower()}/")]
    return list(dict.fromkeys([*ends, *similar, *starts]))[:3]


def _short_names(listing: Listing) -> list[str]:
    """Branches and tags as people write them, the default branch first."""
    short = [
        name.removeprefix(prefix)
        for prefix in ("refs/heads/", "refs/tags/")
        for name in sorted(listing.commits)
        if name.startswith(prefix) and is_ref(name)
    ]
    first = [] if listing.default is None else [listing.default.removeprefix("refs/heads/")]
    return list(dict.fromkeys([*(name for name in first if name in short), *short]))


def _enumerated(names: list[str], word: str = "and") -> str:
    quoted = [f"`{name}`" for name in names]
    if word == "," or len(quoted) == 1:
        return ", ".join(quoted)
    return f"{', '.join(quoted[:-1])} {word} {quoted[-1]}"
