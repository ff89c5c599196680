"""How the members of a zip are called: in UTF-8 where it says so, and in what old systems wrote where that is certain."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence

UTF8_FLAG = 0x800
#: Systems whose programs write backslashes: FAT, HPFS, NTFS, VFAT.
WINDOWS = {0, 6, 10, 14}
UNICODE_PATH = 0x7075

PUNCTUATION = "、。，！？（）：；“”‘’《》【】「」・…—～　０-９Ａ-Ｚａ-ｚ＿－"
#: Encodings, and the characters that names in them consist of. Two that fit are no answer.
ENCODINGS = (
    ("cp932", re.compile(rf"(?=.*[ぁ-ヶ])[ぁ-ヶー一-鿿々{PUNCTUATION}]+", re.DOTALL)),
    ("gb2312", re.compile(rf"(?=.*[一-鿿])[一-鿿{PUNCTUATION}]+", re.DOTALL)),
    ("euc_kr", re.compile(r"[가-힣]+")),
)
ASCII = re.compile(r"[\x00-\x7f]+")


def paths_of(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The paths of the members, in their order, with `/` between their parts."""
    unknown = [_raw(member) for member in members if not _is_certain(member)]
    encoding = encoding_of(unknown)
    result = []
    for member in members:
        name = _unicode_path(member) or (
            member.filename if _is_certain(member) else _raw(member).decode(encoding, "replace")
        )
        if member.create_system in WINDOWS and "/" not in name:
            name = name.replace("\\", "/")
        result.append(name)
    return result


def encoding_of(names: Iterable[bytes]) -> str:
    """The encoding of names that do not say it: UTF-8, one that is certain, or what the format says (437)."""
    names = [name for name in names if not name.isascii()]
    if not names or all(_decodes(name, "utf-8") for name in names):
        return "utf-8"
    fitting = [
        encoding
        for encoding, pattern in ENCODINGS
        if all(_decodes(name, encoding) and _consists(name.decode(encoding), pattern) for name in names)
    ]
    return fitting[0] if len(fitting) == 1 else "cp437"


def _consists(text: str, pattern: re.Pattern[str]) -> bool:
    return pattern.fullmatch(ASCII.sub("", text)) is not None


def _decodes(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_certain(member: zipfile.ZipInfo) -> bool:
    return bool(member.flag_bits & UTF8_FLAG) or member.orig_filename.isascii()


def _raw(member: zipfile.ZipInfo) -> bytes:
    """The bytes that `zipfile` read as 437, up to the first zero, as it takes them."""
    return member.filename.encode("cp437", "replace")


def _unicode_path(member: zipfile.ZipInfo) -> str | None:
    """The name in UTF-8 that Info-ZIP adds, if it is for this name."""
    if _is_certain(member):
        return None
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        data, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and len(data) > 5 and data[0] == 1:
            is_for_it = struct.unpack("<L", data[1:5])[0] == zlib.crc32(_raw(member))
            if is_for_it and _decodes(data[5:], "utf-8"):
                return data[5:].decode()
    return None
