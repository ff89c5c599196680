"""The table of Debian packages against the index of the release that r2i builds on."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass

import pytest
from tests.cases import ROOT

from r2i.facts.pins import base_image
from r2i.process import Completed, run

TABLE = tomllib.loads((ROOT / "src/r2i/diagnosis/debian.toml").read_text(encoding="utf-8"))
FILES: dict[str, str] = TABLE["files"]

#: Which package has which file (apt's index of files is that of `apt-file`), and what depends on what.
#: While a mirror is synchronised, one of its indexes may be missing, or empty.
SCRIPT = r"""
export DEBIAN_FRONTEND=noninteractive
incomplete() { echo "$1" >&2; exit 75; }
update='apt-get update -q -o APT::Update::Error-Mode=any'
{ $update && apt-get install -yq --no-install-recommends apt-file && $update; } >&2 || incomplete 'an index is missing'
. /etc/os-release
for architecture in all "$(dpkg --print-architecture)"; do
    index=$(ls /var/lib/apt/lists/*_"$VERSION_CODENAME"_main_Contents-"$architecture"* 2>/dev/null)
    [ -n "$index" ] && [ -n "$(/usr/lib/apt/apt-helper cat-file $index | head -c 1)" ] \
        || incomplete "the index of files for $architecture is empty"
done
for index in /var/lib/apt/lists/*_main_Contents-*; do /usr/lib/apt/apt-helper cat-file "$index"; done \
    | grep -E -f /table/files
apt-cache depends --recurse --no-suggests --no-recommends --no-conflicts --no-breaks --no-replaces --no-enhances \
    $(cat /table/packages) | sed 's/^/depends:/'
"""


INCOMPLETE = 75


@dataclass(frozen=True, kw_only=True)
class Index:
    """The packages that have a file, by its name in the table, and what each package depends on."""

    owners: dict[str, set[str]]
    needs: dict[str, set[str]]

    def brought_by(self, package: str) -> set[str]:
        found, pending = {package}, [package]
        while pending:
            new = self.needs.get(pending.pop(), set()) - found
            found |= new
            pending += new
        return found


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    directory = tmp_path_factory.mktemp("table")
    (directory / "files").write_text("".join(f"{_pattern(name)}\n" for name in FILES))
    (directory / "packages").write_text(" ".join(_packages()))
    mount, image = f"{directory}:/table:ro", base_image(None).reference
    done = run(["docker", "run", "--rm", "-v", mount, image, "bash", "-c", SCRIPT], timeout=800)
    return _index(done)


def _index(done: Completed) -> Index:
    if done.returncode == INCOMPLETE:
        pytest.skip(f"Debian's mirror does not give all that it has: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return Index(owners=_owners(done.stdout), needs=_needs(done.stdout))


def _pattern(name: str) -> str:
    """Debian's alternatives add a word: `mpicc.openmpi`, `automake-1.17`, `hdf5-serial.pc`."""
    if name.endswith(".pc"):
        return rf"/pkgconfig/{re.escape(name.removesuffix('.pc'))}(-serial)?\.pc[[:space:]]"
    # `re.escape` is for Python: grep has no `\-`.
    return rf"(bin|include|share|lib)/(.*/)?{re.escape(name)}([.-][a-z0-9.]+)?[[:space:]]".replace(r"\-", "-")


def _owners(listed: str) -> dict[str, set[str]]:
    owners = defaultdict[str, set[str]](set)
    patterns = {name: re.compile(_pattern(name).replace("[[:space:]]", "$")) for name in FILES}
    for line in listed.splitlines():
        if line.startswith("depends:") or not line.strip():
            continue
        path, packages = line.rsplit(maxsplit=1)
        last = path.rpartition("/")[2]
        for name, pattern in patterns.items():
            if last.startswith(name.rpartition("/")[2].removesuffix(".pc")) and pattern.search(path):
                owners[name].update(package.rpartition("/")[2] for package in packages.split(","))
    return owners


def _needs(listed: str) -> dict[str, set[str]]:
    needs, package = defaultdict[str, set[str]](set), ""
    for line in listed.splitlines():
        text = line.removeprefix("depends:")
        if text == line:
            continue
        if not text.startswith((" ", "<")):
            package = text
            needs[package]  # is there, also where it needs nothing
        elif found := re.fullmatch(r" [ |](?:Pre)?Depends: ([a-z0-9.+-]+)(?::\S+)?", text):
            needs[package].add(found[1])
    return needs


def _packages() -> list[str]:
    values = (*FILES.values(), *TABLE["words"].values())
    return sorted({package for value in values for package in value.split()})


@pytest.mark.drift
@pytest.mark.engine
def test_each_package_brings_the_file(index: Index) -> None:
    wrong = [
        f"{name}: {package}, but it is in {sorted(index.owners[name])[:8]}"
        for name, package in FILES.items()
        if not index.owners[name] & index.brought_by(package)
    ]

    assert wrong == []


@pytest.mark.drift
@pytest.mark.engine
def test_the_packages_that_words_lead_to_exist(index: Index) -> None:
    assert [p for value in TABLE["words"].values() for p in value.split() if p not in index.needs] == []


@pytest.mark.engine
def test_an_incomplete_answer_is_none() -> None:
    image = base_image(None).reference
    done = run(["docker", "run", "--rm", "--network", "none", image, "bash", "-c", SCRIPT], timeout=300)

    with pytest.raises(pytest.skip.Exception, match="an index is missing"):
        _index(done)


def test_the_table_has_what_is_most_often_missing() -> None:
    wanted = (
        "pg_config mysql_config gdal-config hdf5.h netcdf.h geos_c.h proj.h ffi.h libxml/xpath.h cairo.h portaudio.h R.h "
        "swig cmake rustc cargo git-lfs java libGL.so.1"
    )

    assert set(wanted.split()) <= FILES.keys()
    assert len(FILES) >= 80
