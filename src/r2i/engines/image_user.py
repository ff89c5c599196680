"""The user of an image as numbers, the way an engine resolves it, and never root: a name may have any number.

Both engines read `/etc/passwd` and `/etc/group` of the image with the same library, and so does this. What is passed on is
always explicit numbers: whatever these files say, an engine takes a number for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: The files that an engine looks into.
ACCOUNTS = ("/etc/passwd", "/etc/group")

#: What Go takes for a decimal number; `0x0` and `0_0` are names.
NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)

#: Engines take no larger ones.
LARGEST = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class ContainerUser:
    """Whom a container runs as. `instead` where the image names root, or nobody whom it has."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    instead: bool = False

    def __str__(self) -> str:
        """As `--user` takes it; with an explicit group, an engine adds none by itself."""
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True)
class _Account:
    name: str
    uid: int
    gid: int


def user_of(written: str, passwd: str, group: str, *, planned: int) -> ContainerUser:
    """The user that `USER` of an image says, from its two files; `planned` in place of root and of nobody."""
    name, group_name, *_ = [*written.split(":"), "", ""]
    accounts = tuple(_accounts(passwd))
    uid, account = _resolved(name, accounts)
    instead = not _is_ordinary(uid)
    if instead:
        uid, group_name = planned, ""
        account = next((account for account in accounts if account.uid == planned), None)
    gid = _group(group_name, group) if group_name else account.gid if account else None
    if gid is None or not _is_ordinary(gid):
        gid = account.gid if account and _is_ordinary(account.gid) else uid
    more = _memberships(account.name, group) if account and not group_name else ()
    groups = tuple(sorted({number for number in more if _is_ordinary(number)} - {gid}))
    return ContainerUser(uid=uid, gid=gid, groups=groups, instead=instead)


def _is_ordinary(number: int | None) -> bool:
    return number is not None and 0 < number <= LARGEST


def _resolved(name: str, accounts: tuple[_Account, ...]) -> tuple[int, _Account | None]:
    """The first entry counts. A number need not have one; who is nobody would not be started, and is 0 here."""
    number = _number(name) if name else 0
    for account in accounts:
        if (account.name == name) if number is None else (account.uid == number):
            return account.uid, account
    return number or 0, None


def _accounts(passwd: str) -> Iterator[_Account]:
    for fields in _rows(passwd):
        yield _Account(fields[0], _number(fields[2]) or 0, _number(fields[3]) or 0)


def _group(name: str, group: str) -> int | None:
    number = _number(name)
    if number is not None:
        return number
    return next((_number(fields[2]) for fields in _rows(group) if fields[0] == name), None)


def _memberships(name: str, group: str) -> Iterator[int]:
    for fields in _rows(group):
        number = _number(fields[2])
        if number is not None and name in fields[3].split(","):
            yield number


def _rows(text: str) -> Iterator[list[str]]:
    """What is missing is empty; an engine takes a number that it cannot read for 0."""
    for line in text.split("\n"):
        if line.strip():
            yield [*line.strip().split(":"), "", "", ""]


def _number(text: str) -> int | None:
    return int(text) if NUMBER.fullmatch(text) else None
