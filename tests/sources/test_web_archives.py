"""Archives as people make them: what is in them, with its times and executable bits."""

from __future__ import annotations

import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from r2i.errors import FetchError
from r2i.process import run
from r2i.sources.web.archives import is_archive, unpack
from r2i.sources.web.zip_names import encoding_of
from tests.sources.packing import (
    installed,
    raw_named_zip,
    seven_zipped,
    tar_entry,
    tarred,
    zip_entry,
    zipped,
)

FILES = {"project-1.0/index.ipynb": b"{}", "project-1.0/data/table.csv": b"a,b\n1,2\n"}
LIFTED = {"index.ipynb": b"{}", "data/table.csv": b"a,b\n1,2\n"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "place"
    directory.mkdir()
    return directory


def files_of(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def unpacked(archive: Path, place: Path) -> tuple[dict[str, bytes], list[str]]:
    said: list[str] = []
    unpack(archive, place, name=archive.name, report=said.append, environ=os.environ)
    return files_of(place), said


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_however_it_is_compressed(tmp_path: Path, place: Path, mode: str) -> None:
    archive = tarred(tmp_path / "project.tar", FILES.items(), mode=mode)
    assert unpacked(archive, place) == (LIFTED, [])


def test_a_zip_is_unpacked(tmp_path: Path, place: Path) -> None:
    assert unpacked(zipped(tmp_path / "project.zip", FILES), place) == (LIFTED, [])


@pytest.mark.skipif(not installed("zstd"), reason="needs zstd")
def test_zstd_is_unpacked(tmp_path: Path, place: Path) -> None:
    archive = tarred(tmp_path / "project.tar", FILES.items(), mode="w")
    done = run(["zstd", "-q", str(archive), "-o", str(tmp_path / "project.tar.zst")])
    assert done.returncode == 0, done.stderr
    assert unpacked(tmp_path / "project.tar.zst", place) == (LIFTED, [])


@pytest.mark.skipif(not installed("bsdtar", "7zz", "7z"), reason="needs bsdtar or 7-Zip")
@pytest.mark.parametrize("program", ["bsdtar", "7zz"])
def test_7z_is_unpacked_with_either_program(tmp_path: Path, place: Path, program: str) -> None:
    if not installed(program):
        pytest.skip(f"needs {program}")
    packed = tmp_path / "packed" / "project-1.0"
    for name, content in FILES.items():
        path = packed.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    archive = seven_zipped(tmp_path / "project.7z", packed.parent)
    only = tmp_path / "only"
    only.mkdir()
    (only / program).symlink_to(os.path.realpath(f"/usr/bin/{program}"))
    unpack(archive, place, name="project.7z", environ={"PATH": str(only)})
    assert files_of(place) == LIFTED


def test_7z_without_a_program_says_what_to_install(tmp_path: Path, place: Path) -> None:
    archive = tmp_path / "project.7z"
    archive.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    with pytest.raises(FetchError, match="no program that unpacks it is installed") as caught:
        unpack(archive, place, name="project.7z", environ={"PATH": "/nonexistent"})
    assert "libarchive-tools" in (caught.value.hint or "")


@pytest.mark.skipif(not installed("bsdtar", "7zz", "7z"), reason="needs bsdtar or 7-Zip")
def test_encrypted_and_damaged_7z(tmp_path: Path, place: Path) -> None:
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "secret").write_text("x")
    if installed("7zz", "7z"):
        archive = seven_zipped(tmp_path / "project.7z", tmp_path / "packed", password="x")
        with pytest.raises(FetchError, match=r"`project.7z` is (encrypted|damaged)"):
            unpack(archive, place, name="project.7z", environ=os.environ)
    broken = tmp_path / "broken.7z"
    broken.write_bytes(seven_zipped(tmp_path / "whole.7z", tmp_path / "packed").read_bytes()[:-10])
    with pytest.raises(FetchError, match=r"`broken.7z` is damaged"):
        unpack(broken, place, name="broken.7z", environ=os.environ)
    assert list(place.iterdir()) == []


def test_what_other_systems_leave_behind_does_not_count(tmp_path: Path, place: Path) -> None:
    litter = {"__MACOSX/project-1.0/._index.ipynb": b"", ".DS_Store": b"", "project-1.0/.DS_Store": b""}
    assert unpacked(zipped(tmp_path / "project.zip", {**FILES, **litter}), place) == (LIFTED, [])


@pytest.mark.parametrize(
    "files",
    [
        {"a/x": b"1", "b/y": b"2"},
        {"a/x": b"1", "y": b"2"},
        {"binder/environment.yml": b"1"},
        {"only": b"1"},
    ],
)
def test_only_a_single_directory_is_lifted(tmp_path: Path, place: Path, files: dict[str, bytes]) -> None:
    assert unpacked(zipped(tmp_path / "project.zip", files), place) == (files, [])


def test_a_directory_with_a_member_of_its_own_name_is_lifted(tmp_path: Path, place: Path) -> None:
    assert unpacked(zipped(tmp_path / "a.zip", {"a/a/a": b"1"}), place) == ({"a/a": b"1"}, [])


def test_executable_bits_and_times_stay(tmp_path: Path, place: Path) -> None:
    script = zip_entry("p/start", mode=stat.S_IFREG | 0o4755)
    script.extra = struct.pack("<HHBl", 0x5455, 5, 1, 1_500_000_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(script, "#!/bin/sh\n")
        file.writestr(zip_entry("p/notes", mode=0o600), "x")
    unpack(tmp_path / "a.zip", place, name="a.zip")
    assert stat.S_IMODE((place / "start").stat().st_mode) == 0o755
    assert stat.S_IMODE((place / "notes").stat().st_mode) == 0o644
    assert int((place / "start").stat().st_mtime) == 1_500_000_000
    assert int((place / "notes").stat().st_mtime) == 1_589_718_610
    tarred(tmp_path / "b.tar.gz", [tar_entry("run", mode=0o6711), ("q", b"")])
    unpack(tmp_path / "b.tar.gz", _new(tmp_path / "b"), name="b.tar.gz")
    assert stat.S_IMODE((tmp_path / "b" / "run").stat().st_mode) == 0o755
    assert int((tmp_path / "b" / "run").stat().st_mtime) == 1_500_000_000


def test_links_inside_stay(tmp_path: Path, place: Path) -> None:
    entries: list[tarfile.TarInfo | tuple[str, bytes]] = [
        ("p/data/a", b"1"),
        tar_entry("p/link", kind=tarfile.SYMTYPE, target="data/a"),
        tar_entry("p/docs/data", kind=tarfile.SYMTYPE, target="../data"),
        tar_entry("p/later", kind=tarfile.SYMTYPE, target="made-by-postBuild"),
        tar_entry("p/same", kind=tarfile.LNKTYPE, target="p/data/a"),
    ]
    _, said = unpacked(tarred(tmp_path / "p.tar.gz", entries), place)
    assert said == []
    assert str((place / "link").readlink()) == "data/a"
    assert (place / "docs" / "data" / "a").read_bytes() == b"1"
    assert (place / "same").read_bytes() == b"1"
    assert str((place / "later").readlink()) == "made-by-postBuild"
    link = zip_entry("p/link", mode=stat.S_IFLNK | 0o777)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as file:
        file.writestr(link, "a")
        file.writestr("p/a", "1")
    unpack(tmp_path / "z.zip", _new(tmp_path / "z"), name="z.zip")
    assert (tmp_path / "z" / "link").read_bytes() == b"1"


def test_an_archive_that_is_compared_as_a_whole_keeps_everything(tmp_path: Path, place: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    entries: list[tarfile.TarInfo | tuple[str, bytes]] = [
        ("p/.DS_Store", b"1"),
        tar_entry("p/absolute", kind=tarfile.SYMTYPE, target="/etc/passwd"),
        tar_entry("p/door", kind=tarfile.SYMTYPE, target=str(outside)),
        tar_entry("p/door/link", kind=tarfile.SYMTYPE, target="x"),
        ("p/other/file", b"1"),
        tar_entry("p/other", kind=tarfile.SYMTYPE, target=str(outside)),
    ]
    said: list[str] = []
    archive = tarred(tmp_path / "a.tar.gz", entries)
    unpack(archive, place, name="a.tar.gz", report=said.append, exact=True)
    assert str((place / "absolute").readlink()) == "/etc/passwd"
    assert files_of(place) == {".DS_Store": b"1", "other/file": b"1"}
    assert str((place / "door").readlink()) == str(outside)
    assert list(outside.iterdir()) == []
    assert "`p/door/link`" in said[0]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["résumé.txt", "naïve.csv"], "utf-8"),
        (["データ/観測結果.csv", "ノート.ipynb"], "cp932"),
        (["数据分析/中华人民共和国.csv", "图.png"], "gb2312"),
        (["résumé.txt", "Übung.ipynb", "mañana.csv"], "cp437"),
    ],
)
def test_names_of_old_systems_are_read_where_they_are_certain(
    tmp_path: Path, place: Path, names: list[str], expected: str
) -> None:
    raw = [name.encode(expected) for name in names]
    assert encoding_of(raw) == expected
    found, _ = unpacked(raw_named_zip(tmp_path / "a.zip", raw), place)
    assert set(found) == set(names)


def test_names_that_could_be_two_things_stay_what_the_format_says() -> None:
    korean_or_chinese = "가나".encode("euc_kr")
    assert korean_or_chinese.decode("gb2312")
    assert encoding_of([korean_or_chinese]) == "cp437"
    assert encoding_of([b"\xff\xfe"]) == "cp437"
    assert encoding_of([]) == "utf-8"


def test_the_name_in_unicode_counts(tmp_path: Path, place: Path) -> None:
    import zlib

    info = zip_entry("name")
    extra = b"\x01" + struct.pack("<L", zlib.crc32(b"n\x82me")) + "námé".encode()
    info.extra = struct.pack("<HH", 0x7075, len(extra)) + extra
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "x")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes().replace(b"name", b"n\x82me"))
    assert unpacked(tmp_path / "a.zip", place)[0] == {"námé": b"x"}


def test_windows_separators(tmp_path: Path, place: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("p\\a.txt", "p\\sub\\b.txt"):
            file.writestr(zip_entry(name, system=0), name)
    assert set(unpacked(tmp_path / "a.zip", place)[0]) == {"a.txt", "sub/b.txt"}
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr(zip_entry("a\\b", system=3), "x")
    assert set(unpacked(tmp_path / "b.zip", _new(tmp_path / "b"))[0]) == {"a\\b"}


def test_names_that_differ_in_case_are_reported(tmp_path: Path, place: Path) -> None:
    found, said = unpacked(zipped(tmp_path / "a.zip", {"p/Data.csv": "1", "p/data.csv": "2"}), place)
    assert set(found) == {"Data.csv", "data.csv"}
    assert said == ["Warning: `p/data.csv` and `p/Data.csv` in `a.zip` differ only in case"]


def test_the_last_of_two_members_of_a_name_counts(tmp_path: Path, place: Path) -> None:
    archive = tarred(tmp_path / "a.tar", [("a", b"old"), ("b", b"x"), ("a", b"new")], mode="w")
    assert unpacked(archive, place)[0] == {"a": b"new", "b": b"x"}


def test_an_xz_of_several_streams(tmp_path: Path, place: Path) -> None:
    content = tarred(tmp_path / "a.tar", FILES.items(), mode="w").read_bytes()
    halves = lzma.compress(content[:700]) + bytes(4) + lzma.compress(content[700:])
    (tmp_path / "a.tar.xz").write_bytes(halves)
    assert unpacked(tmp_path / "a.tar.xz", place) == (LIFTED, [])
    (tmp_path / "b.tar.xz").write_bytes(lzma.compress(content)[:-20])
    with pytest.raises(FetchError, match=r"`b.tar.xz` ends early"):
        unpack(tmp_path / "b.tar.xz", _new(tmp_path / "b"), name="b.tar.xz")


def test_a_zip_of_another_compression(tmp_path: Path, place: Path) -> None:
    archive = zipped(tmp_path / "a.zip", FILES)
    archive.write_bytes(
        archive.read_bytes().replace(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x00\x00\x09\x00")
    )
    with pytest.raises(FetchError, match="uses the compression method 9 of zip, and no program"):
        unpack(archive, place, name="a.zip", environ={"PATH": "/nonexistent"})


def test_an_encrypted_zip(tmp_path: Path, place: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a": "1"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(FetchError, match=r"`a.zip` is encrypted") as caught:
        unpack(archive, place, name="a.zip")
    assert "Decrypt" in (caught.value.hint or "")


@pytest.mark.parametrize("cut", [10, 100, -30])
@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, place: Path, mode: str, cut: int) -> None:
    noise = os.urandom(30_000)
    if mode == "zip":
        archive = zipped(tmp_path / "a", {"a": noise, "b": noise})
    else:
        archive = tarred(tmp_path / "a", [("a", noise), ("b", noise)], mode=mode)
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2] if mode == "w" else content[:cut])
    with pytest.raises(FetchError, match=r"`a` (is|ends|has)"):
        unpack(archive, place, name="a")
    assert list(place.iterdir()) == []


def test_a_changed_byte_of_a_zip_is_noticed(tmp_path: Path, place: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a", "first")
        file.writestr("b", "content")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes().replace(b"content", b"CONTENT"))
    with pytest.raises(FetchError, match=r"`a.zip` is damaged"):
        unpack(tmp_path / "a.zip", place, name="a.zip")
    assert list(place.iterdir()) == []


def test_what_is_no_archive(tmp_path: Path, place: Path) -> None:
    for content, says in (
        (b"<!DOCTYPE html><title>Sign in</title>", "is a web page, and not an archive"),
        (b"", "has no files"),
        (b"x" * 2000, "is not an archive that r2i knows"),
    ):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(FetchError, match=says):
            unpack(tmp_path / "a.zip", place, name="a.zip")


def test_the_oldest_tars_are_known(tmp_path: Path, place: Path) -> None:
    content = tarred(tmp_path / "a.tar", [("a", b"1")], mode="w").read_bytes()
    header = bytearray(content[:512].replace(b"ustar", bytes(5)))
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 256)
    (tmp_path / "a.tar").write_bytes(bytes(header) + content[512:])
    assert unpacked(tmp_path / "a.tar", place)[0] == {"a": b"1"}


def test_what_archives_are_called() -> None:
    assert all(map(is_archive, ("a.zip", "A.ZIP", "a.tar.gz", "a.tgz", "a.tar.zst", "a.7z", "RO-crate.zip")))
    assert not any(map(is_archive, ("a.gz", "a.rar", "zip", "a.zip.txt", "a.ipynb")))


def _new(directory: Path) -> Path:
    directory.mkdir()
    return directory


def test_a_tar_in_latin_1(tmp_path: Path, place: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as file:
        info = tar_entry("résumé", size=1)
        file.addfile(info, io.BytesIO(b"1"))
    assert unpacked(tmp_path / "a.tar", place)[0] == {"résumé": b"1"}
