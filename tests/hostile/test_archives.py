"""Archives that attack whoever unpacks them: nothing of them gets out of their directory, and none takes the machine with it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r2i.errors import FetchError, R2iError
from r2i.sources.web import bounds, unpacked
from r2i.sources.web.archives import unpack
from tests.sources.packing import tar_entry, tarred, zip_entry, zipped

MEBIBYTE = 1024**2


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where archives are unpacked, inside of a directory in which nothing else may appear."""
    directory = tmp_path / "around" / "place"
    directory.mkdir(parents=True)
    yield directory
    assert list(directory.parent.iterdir()) == [directory]


Entries = list[tarfile.TarInfo | tuple[str, bytes]]


def refused(archive: Path, place: Path, says: str) -> None:
    with pytest.raises(FetchError, match=says) as caught:
        unpack(archive, place, name="hostile", environ=os.environ)
    assert caught.value.hint
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["../out", "a/../../out", "..", "a/..", "/../out", "./../out", "..\\out"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_member_leads_out(tmp_path: Path, place: Path, name: str, kind: str) -> None:
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "a", "w") as file:
            file.writestr(zip_entry(name, system=0), "x")
    elif "\\" in name:
        return  # a name like any other
    else:
        tarred(tmp_path / "a", [(name, b"x")], mode="w")
    refused(tmp_path / "a", place, "`hostile` has a file with an invalid path")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_absolute_path_is_one_of_the_archive(tmp_path: Path, place: Path, kind: str) -> None:
    name = f"{tmp_path}/out"
    if kind == "zip":
        zipped(tmp_path / "a", {name: "x", "b": "y"})
    else:
        tarred(tmp_path / "a", [(name, b"x"), ("b", b"y")], mode="w")
    unpack(tmp_path / "a", place, name="a")
    assert (place / name.lstrip("/")).read_bytes() == b"x"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../outside",
        "sub/../../outside",
        "..",
        "../../place/../outside",
        "",
        "a\nb",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_link_out_is_left_out(tmp_path: Path, place: Path, kind: str, target: str) -> None:
    said: list[str] = []
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "a", "w") as file:
            file.writestr("sub/a", "x")
            file.writestr("b", "x")
            file.writestr(zip_entry("link", mode=stat.S_IFLNK | 0o777), target)
    else:
        tarred(
            tmp_path / "a",
            [("sub/a", b""), ("b", b""), tar_entry("link", kind=tarfile.SYMTYPE, target=target)],
            mode="w",
        )
    unpack(tmp_path / "a", place, name="a.zip", report=said.append)
    assert not os.path.lexists(place / "link")
    assert said == ["Warning: r2i leaves out links that lead out of `a.zip`, and devices: `link`"]


def test_links_that_lead_out_together_are_left_out(tmp_path: Path, place: Path) -> None:
    """Each stays inside as long as the other is not there."""
    entries: Entries = [
        ("d/file", b""),
        ("e", b""),
        tar_entry("first", kind=tarfile.SYMTYPE, target="d/up/../outside"),
        tar_entry("d/up", kind=tarfile.SYMTYPE, target=".."),
        tar_entry("circle", kind=tarfile.SYMTYPE, target="circle"),
    ]
    unpack(tarred(tmp_path / "a", entries), place, name="a")
    assert not os.path.lexists(place / "first")
    for path in place.rglob("*"):
        with suppress(RuntimeError, OSError):
            assert path.resolve().is_relative_to(place)


def test_nothing_is_written_through_a_link(tmp_path: Path, place: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for number, target in enumerate((str(outside), "../../outside", "inside")):
        entries: Entries = [
            ("inside/other", b"before"),
            tar_entry("door", kind=tarfile.SYMTYPE, target=target),
            ("door/file", b"evil"),
            tar_entry("inside/other", kind=tarfile.SYMTYPE, target=target),
            ("inside/other", b"after"),
        ]
        unpack(tarred(tmp_path / f"{number}", entries), place, name="a")
        assert (place / "door" / "file").read_bytes() == b"evil"
        assert not (place / "door").is_symlink()
        assert (place / "inside" / "other").read_bytes() == b"after"
        assert list(outside.iterdir()) == []
        _empty(place)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "link", "nothing", "directory"])
def test_a_hard_link_is_one_to_a_file_of_the_archive(tmp_path: Path, place: Path, target: str) -> None:
    (place.parent / "outside").write_text("secret")
    entries: Entries = [
        ("file", b"x"),
        ("directory/file", b"x"),
        tar_entry("link", kind=tarfile.SYMTYPE, target="/etc/passwd"),
        tar_entry("hard", kind=tarfile.LNKTYPE, target=target),
    ]
    with suppress(FetchError):
        unpack(tarred(tmp_path / "a", entries), place, name="a")
    assert not os.path.lexists(place / "hard")
    (place.parent / "outside").unlink()


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_left_out(tmp_path: Path, place: Path, kind: bytes) -> None:
    unpack(tarred(tmp_path / "a", [("b", b""), tar_entry("dev", kind=kind)]), place, name="a")
    assert [path.name for path in place.iterdir()] == ["b"]
    with zipfile.ZipFile(tmp_path / "z", "w") as file:
        file.writestr(zip_entry("dev", mode=stat.S_IFBLK | 0o666), "")
        file.writestr("c", "")
    unpack(tmp_path / "z", _empty(place), name="z")
    assert [path.name for path in place.iterdir()] == ["c"]


def test_no_bit_but_executable_stays(tmp_path: Path, place: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z", "w") as file:
        for name, mode in (("suid", 0o4755), ("sgid", 0o2755), ("sticky", 0o1777), ("none", 0o000)):
            file.writestr(zip_entry(name, mode=stat.S_IFREG | mode), "")
        file.writestr(zip_entry("d/", mode=stat.S_IFDIR | 0o7000), "")
    unpack(tmp_path / "z", place, name="z")
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {
        "suid": 0o755,
        "sgid": 0o755,
        "sticky": 0o755,
        "none": 0o644,
        "d": 0o755,
    }


def _zeros(kind: str, size: int) -> bytes:
    """A tar with a file of so many zeros, or a zip."""
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("zeros", bytes(size))
        return buffer.getvalue()
    header = tar_entry("zeros", size=size).tobuf()
    content = header + bytes(size + 10_240)
    if kind == "gzip":
        return gzip.compress(content)
    return bz2.compress(content) if kind == "bzip2" else lzma.compress(content, preset=0)


@pytest.mark.parametrize("kind", ["zip", "gzip", "bzip2", "xz"])
def test_a_bomb_fails_with_its_ratio(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(unpacked, "SMALL", MEBIBYTE)
    (tmp_path / "a").write_bytes(_zeros(kind, 32 * MEBIBYTE))
    refused(tmp_path / "a", place, "`hostile` unpacks to more than 200 times its size")


def test_a_zip_whose_members_overlap_fails(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stream of zeros, as the content of a thousand members."""
    monkeypatch.setattr(unpacked, "SMALL", MEBIBYTE)
    data = _zeros("zip", MEBIBYTE)
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[at:end]
    entries = b"".join(entry.replace(b"zeros", b"%05d" % number) for number in range(1000))
    same = b"".join(entry for _ in range(1000))
    for directory in (entries, same):
        tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, len(directory), at, 0)
        (tmp_path / "a").write_bytes(data[:at] + directory + tail)
        refused(tmp_path / "a", place, "`hostile` (is damaged|unpacks to more than 200 times)")


def test_more_than_the_limit_fails_with_the_limit(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds.Allowance.__init__, "__kwdefaults__", {"files": 10, "space": MEBIBYTE})
    noise = os.urandom(2 * MEBIBYTE)
    refused(zipped(tmp_path / "z", {"a": noise}), place, "`hostile` has more than 20 GiB of files")
    refused(tarred(tmp_path / "t", [("a", noise)]), place, "`hostile` has more than 20 GiB of files")


def test_more_files_than_the_limit_fail_with_the_limit(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked, "MOST_FILES", 100)
    files = {f"{n}": b"" for n in range(101)}
    refused(zipped(tmp_path / "z", files), place, "has more than 100 files and directories")
    deep = [(f"{n}/a/b/c", b"") for n in range(30)]
    refused(tarred(tmp_path / "t", deep), place, "has more than 100 files and directories")
    nested = "/".join("d" * 300)
    refused(zipped(tmp_path / "n", {nested: b""}), place, "has a file with an invalid path")


def test_a_directory_of_a_zip_without_end_is_not_read(tmp_path: Path, place: Path) -> None:
    """Its size stands at the end; the file has holes where it claims to be."""
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xF0000000, 4, 0)
    with (tmp_path / "a").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(0xF0000004)
        file.seek(0, 2)
        file.write(tail)
    refused(tmp_path / "a", place, "has more files than r2i supports")


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_a_header_without_end_takes_no_memory(tmp_path: Path, place: Path, kind: bytes) -> None:
    header = tar_entry("long", kind=kind, size=64 * MEBIBYTE).tobuf()
    with gzip.open(tmp_path / "a", "wb") as file:
        file.write(header)
        for _ in range(64):
            file.write(bytes(MEBIBYTE))
    tracemalloc.start()
    refused(tmp_path / "a", place, "has a header that is too long")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * MEBIBYTE


def test_sparse_files_are_refused(tmp_path: Path, place: Path) -> None:
    """Their maps are read at once, and their holes have no end."""
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "x",
        "GNU.sparse.realsize": str(2**50),
    }
    with tarfile.open(tmp_path / "a", "w", format=tarfile.PAX_FORMAT) as file:
        info = tar_entry("x", size=512)
        info.pax_headers = headers
        file.addfile(info, io.BytesIO(b"0\n".ljust(512)))
    refused(tmp_path / "a", place, "has a sparse file")
    with tarfile.open(tmp_path / "b", "w", format=tarfile.PAX_FORMAT) as file:
        info = tar_entry("x", size=1)
        info.pax_headers = {"GNU.sparse.map": f"{2**50},1", "GNU.sparse.size": str(2**50 + 1)}
        file.addfile(info, io.BytesIO(b"0"))
    refused(tmp_path / "b", place, "has a sparse file")
    (tmp_path / "c").write_bytes(tar_entry("x", kind=tarfile.GNUTYPE_SPARSE).tobuf() + bytes(1024))
    refused(tmp_path / "c", place, "has a sparse file")


def test_an_xz_that_wants_the_memory_of_the_machine_fails(tmp_path: Path, place: Path) -> None:
    """Its header asks for a dictionary of 4 GiB."""
    content = bytearray(lzma.compress(bytes(10_000), check=lzma.CHECK_NONE))
    at = 12  # the header of the block, behind that of the stream
    size = (content[at] + 1) * 4
    content[content.index(b"\x21\x01", at) + 2] = 40
    content[at + size - 4 : at + size] = struct.pack("<L", zlib.crc32(bytes(content[at : at + size - 4])))
    (tmp_path / "a").write_bytes(content)
    refused(tmp_path / "a", place, "`hostile` is damaged")


def test_files_and_directories_of_one_name(tmp_path: Path, place: Path) -> None:
    for names in (["a", "a/b"], ["a/b", "a"]):
        refused(
            tarred(tmp_path / "t", [(name, b"") for name in names]), place, "has both a file and a directory"
        )
    with zipfile.ZipFile(tmp_path / "z", "w") as file:
        file.writestr("a", "")
        file.writestr("a/", "")
    refused(tmp_path / "z", place, "has both a file and a directory")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "a\x7f", "x" * 256])
def test_names_that_do_harm_elsewhere(tmp_path: Path, place: Path, name: str) -> None:
    refused(tarred(tmp_path / "t", [(name, b"")]), place, "has a file with")


def _empty(place: Path) -> Path:
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    return place


def _archives() -> list[bytes]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "a"
        zip_ = zipped(path, {"p/a": b"content" * 20, "p/é/b": b"", "p/l": b"x"}).read_bytes()
        entries: Entries = [
            ("p/a", b"content" * 20),
            tar_entry("p/l", kind=tarfile.SYMTYPE, target="a"),
            ("p/" + "é" * 80, b""),
        ]
        tars = [tarred(path, entries, mode=mode).read_bytes() for mode in ("w", "w:gz", "w:bz2", "w:xz")]
    return [zip_, *tars]


SEEDS = _archives()


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """An archive in which some bytes are others, or are missing."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3)) or b"\xff"
    return bytes(content[: draw(st.integers(1, len(content)))])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.one_of(changed(), changed(), st.binary(max_size=600)))
def test_any_bytes_give_files_below_the_directory_or_an_error(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        around = Path(directory).resolve()
        place = around / "place"
        place.mkdir()
        (around / "a").write_bytes(content)
        try:
            unpack(around / "a", place, name="a", environ={"PATH": "/nonexistent"})
        except R2iError:
            assert list(place.iterdir()) == []
        for path in place.rglob("*"):
            assert path.resolve().is_relative_to(place)
            assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
        assert {path.name for path in around.iterdir()} == {"a", "place"}
