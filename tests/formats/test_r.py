"""What `install.R`, `DESCRIPTION` and `renv.lock` say."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.errors import InvalidRepositoryError, R2iError
from r2i.formats.r.description import read_description
from r2i.formats.r.files import read_files
from r2i.formats.r.packages import NAME, RPackage
from r2i.formats.r.renv_lock import read_lock
from r2i.formats.r.script import read_script

LOCK = """{
  "R": {
    "Version": "4.1.2",
    "Repositories": [
      {"Name": "CRAN", "URL": "https://cloud.r-project.org"},
      {"Name": "universe", "URL": "https://example.r-universe.dev"},
      {"Name": "bad name", "URL": "https://example.org"},
      {"Name": "quoted", "URL": "https://example.org/'; id"}
    ]
  },
  "Packages": {
    "R6": {
      "Package": "R6",
      "Version": "2.5.1"
    },
    "xml2": {
      "Package": "xml2"
    }
  }
}
"""


def named(text: str) -> list[tuple[str, int]]:
    return [(package.name, package.line) for package in read_script(text).packages]


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ('install.packages("ggplot2")', [("ggplot2", 1)]),
        ("install.packages('data.table')", [("data.table", 1)]),
        ('install.packages(c("a1",\n  "b2"), lib = "lib", repos = "mirror")', [("a1", 1), ("b2", 2)]),
        ('install.packages(repos = c("one", "two"), pkgs = c("a1", "b2"))', [("a1", 1), ("b2", 1)]),
        ('# install.packages("a1")\n', []),
        ('x <- "# no comment"; install.packages("a1")', [("a1", 1)]),
        ('pkgs <- c("a1", "b2")\ninstall.packages(pkgs)', [("a1", 1), ("b2", 1)]),
        ('for (p in c("a1")) install.packages(p)', [("a1", 1)]),
        ('devtools::install_github("owner/a1@v1.0", upgrade = "never")', [("a1", 1)]),
        ('remotes::install_version("a1", "1.0", dependencies = "no")', [("a1", 1)]),
        ('\nbiocLite("Biobase")', [("Biobase", 2)]),
        ('install.packages("https://example.org/a1_1.0.tar.gz", repos = NULL)', []),
        ('options(repos = "mirror", device = "png")', []),
        ('install.packages("a1', []),
    ],
)
def test_the_packages_that_a_script_names_are_read_with_their_lines(
    text: str, packages: list[tuple[str, int]]
) -> None:
    assert named(text) == packages


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ('devtools::install_github("a/b1")', {"devtools"}),
        ("library(remotes)", {"remotes"}),
        ('biocLite("a1")', {"BiocManager"}),
        ('install.packages("a1")  # devtools::install()', set()),
    ],
)
def test_what_a_script_installs_with_is_read(text: str, tools: set[str]) -> None:
    assert read_script(text).tools == tools


@pytest.mark.parametrize(
    ("text", "installed", "reads", "unseen"),
    [
        ('library("a1")\ninstall.packages(c("b2", "c3"))', {"b2", "c3"}, False, False),
        ('pkgs <- c("a1")\ninstall.packages(pkgs)', set(), False, False),
        ('install.packages("a1", lib = file.path("lib"))', {"a1"}, False, False),
        ('remotes::install_version("a1", "1.0")', {"a1"}, False, True),
        ("library(pacman)\np_load(a1)", set(), False, True),
        ("BiocManager::install()", set(), False, True),
        ("pak::pak()", set(), False, True),
        ('# read.csv("a")\nx <- "devtools::install()"', set(), False, False),
        ('x <- read.csv("a.csv")', set(), True, False),
        ("source(where)", set(), True, False),
    ],
)
def test_what_a_script_installs_as_far_as_its_text_tells(
    text: str, installed: set[str], *, reads: bool, unseen: bool
) -> None:
    script = read_script(text)

    assert (set(script.installed), script.reads, script.unseen) == (installed, reads, unseen)


@pytest.mark.parametrize(
    ("files", "copies"),
    [
        ({"install.R": 'install.packages("a1")'}, {"install.R"}),
        ({"install.R": 'source("R/a.R")', "R/a.R": 'install.packages("a1")'}, {"install.R", "R/a.R"}),
        ({"binder/install.R": 'source("a.R")', "a.R": ""}, {"binder/install.R", "a.R"}),
        ({"install.r": 'source("https://example.org/a.R")'}, {"install.r"}),
        ({"install.R": 'source("a.R")', "a.R": 'source("install.R")'}, {"install.R", "a.R"}),
        # The name of a package, and of a directory.
        ({"install.R": 'install.packages("a1")', "a1/x": ""}, {"install.R"}),
        ({"install.R": 'install.packages("a1", repos = NULL)', "a1/x": ""}, set()),
        ({"install.R": 'source("a.R")'}, set()),
        ({"install.R": 'source("../a.R")'}, set()),
        ({"install.R": "source(file.path(here, 'a.R'))"}, set()),
        ({"install.R": 'x <- "packages.txt"', "packages.txt": ""}, set()),
        ({"install.R": 'source("a.R")', "a.R": "renv::restore()"}, set()),
        ({"install.R": "devtools::install()"}, set()),
        ({"install.R": 'download.file("https://example.org/a", "a")'}, set()),
        ({"install.R": b"# caf\xe9\ninstall.packages('a1')"}, set()),
    ],
)
def test_a_script_that_uses_other_files_is_run_where_they_are(
    tmp_path: Path, files: dict[str, Content], copies: set[str]
) -> None:
    assert set(read_files(write(tmp_path, files)).copies) == copies


def test_what_a_sourced_script_installs_counts_with_the_line_of_the_first(tmp_path: Path) -> None:
    files = {
        "install.R": 'install.packages("a1")\nsource("b.R")',
        "b.R": '\n\n\ndevtools::install_git("b/c2")',
    }
    found = read_files(write(tmp_path, files))

    assert [p.name for p in found.script.packages] == ["a1", "c2"]
    assert found.script.tools == {"devtools"}


def test_a_description_says_what_it_needs() -> None:
    found = read_description(
        "Package: ours\nDepends:\n    R (>= 4.1.0),\n    a1 (>= 1.0)\nImports: b2, c3\nSuggests: d4\n"
        "LinkingTo: e5\nRemotes: owner/b2\n"
    )

    assert found is not None
    assert found.package == RPackage(name="ours", line=1)
    assert [(p.name, p.line) for p in found.dependencies] == [("a1", 4), ("b2", 5), ("c3", 5), ("e5", 7)]
    assert (found.minimum, found.minimum_line) == ("4.1.0", 3)


@pytest.mark.parametrize(
    "text", ["", "A dataset of birds.\n", "Title: no name\nImports: a1\n", "Package: ../x\n", "Package:\n"]
)
def test_other_files_of_that_name_describe_no_package(text: str) -> None:
    assert read_description(text) is None


@pytest.mark.parametrize(
    ("depends", "minimum"), [("R (> 3.5)", "3.5"), ("R (<= 3.5)", ""), ("R", ""), ("R(>=4.2)", "4.2")]
)
def test_only_a_lower_bound_of_r_counts(depends: str, minimum: str) -> None:
    found = read_description(f"Package: ours\nDepends: {depends}\n")

    assert found is not None
    assert found.minimum == minimum


def test_a_lock_is_read_without_the_mirror_of_cran() -> None:
    found = read_lock(LOCK, "renv.lock")

    assert (found.version, found.line) == ("4.1.2", 3)
    assert found.packages == (RPackage(name="R6", line=12), RPackage(name="xml2", line=16))
    assert found.repositories == ("universe=https://example.r-universe.dev",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"Packages": {}}',
        '{"Packages": []}',
        '{"Packages": {"a;b": {}}}',
        "[" * 100_000,
        "1" * 5_000,
    ],
)
def test_what_renv_does_not_write_is_refused(text: str) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        read_lock(text, "renv.lock")

    assert caught.value.hint


@given(st.sampled_from(["install.R", "DESCRIPTION", "renv.lock"]), st.binary(max_size=200))
def test_any_bytes_give_names_of_packages_or_are_refused(name: str, content: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            found = read_files(write(Path(directory), {name: content}))
        except R2iError as error:
            assert error.exit_code == 5  # noqa: PT017
            return
    assert all(NAME.fullmatch(package.name) and package.line > 0 for _, package in found.packages)


@given(st.text(alphabet=st.sampled_from("acR(),='\"#\\\n: .<-"), max_size=80))
def test_any_words_of_a_script_give_names_in_its_lines(text: str) -> None:
    lines = text.count("\n") + 1

    assert all(NAME.fullmatch(name) and 1 <= line <= lines for name, line in named(text))


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_any_json_is_a_lock_or_refused(value: object) -> None:
    for text in (json.dumps(value), json.dumps({"R": value, "Packages": {"a1": value}})):
        try:
            read_lock(text, "renv.lock")
        except InvalidRepositoryError:
            continue


@pytest.mark.timeout(20)
@pytest.mark.parametrize("words", ["(", "c(", "a=", 'source("a")', '"\\"', "'a1',", "#\n"])
def test_a_script_of_megabytes_is_read_as_far_as_any_is_long(words: str) -> None:
    assert read_script(words * (4_000_000 // len(words))).uses_files
