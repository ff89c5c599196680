"""`apt.txt`: what is a package, what it is called in the release, and what is refused with words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from r2i.buildpacks.apt import LOCALE, SPEC, Apt
from r2i.buildpacks.apt_names import Gone, Renamed, look_up, names
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.facts.pins import pins
from r2i.model import Detection, Options

LISTS = Path(__file__).parents[1] / "fixtures" / "apt_lists.toml"

Detect = Callable[..., Detection]


def detect_in(directory: Path, content: str | bytes, *, base: str | None = None) -> Detection:
    (directory / "apt.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    detection = Apt().detect(Checkout.open(directory), Options(base_image=base))
    assert detection is not None
    return detection


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    return lambda content, **options: detect_in(tmp_path, content, **options)


def packages(detection: Detection) -> tuple[str, ...]:
    if not detection.layers:
        return ()
    value = detection.layers[0].variables["packages"]
    assert isinstance(value, tuple)
    return tuple(str(package) for package in value)


def messages(detection: Detection) -> list[str]:
    return [f"{notice.level} {notice.line}: {notice.message}" for notice in detection.notices]


def test_nothing_without_the_file(tmp_path: Path) -> None:
    assert Apt().detect(Checkout.open(tmp_path), Options()) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("tree\nhtop\n", ("htop", "tree"), id="one-a-line-sorted"),
        pytest.param("tree htop\n", ("htop", "tree"), id="several-a-line"),
        pytest.param("tree # why\n#htop\n", ("tree",), id="comments"),
        pytest.param("tree#why\n", ("tree",), id="comment-without-a-blank"),
        pytest.param("tree\n\ntree\n", ("tree",), id="twice"),
        pytest.param("\ufefftree\r\nhtop\r\n", ("htop", "tree"), id="byte-order-mark-and-windows"),
        pytest.param("tree\u00a0htop", ("htop", "tree"), id="blank-that-does-not-break"),
        pytest.param("g++\nlibstdc++6\n", ("g++", "libstdc++6"), id="plus"),
        pytest.param("tree=2.1.0-1\n", ("tree=2.1.0-1",), id="version"),
        pytest.param("tree=1:2.1~rc1+dfsg-1\n", ("tree=1:2.1~rc1+dfsg-1",), id="version-with-everything"),
        pytest.param("tree=2.*\n", ("tree=2.*",), id="version-with-a-star"),
        pytest.param("tree/trixie-backports\n", ("tree/trixie-backports",), id="suite"),
        pytest.param("libc6:i386\nlibc6\n", ("libc6", "libc6:i386"), id="architecture"),
        pytest.param("tree\ntree=2.1.0-1\n", ("tree=2.1.0-1",), id="a-pin-wins"),
        pytest.param("tree=2.1.0-1\ntree\n", ("tree=2.1.0-1",), id="a-pin-wins-first"),
    ],
)
def test_reads_packages(detect: Detect, content: str, expected: tuple[str, ...]) -> None:
    assert packages(detect(content)) == expected


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        pytest.param("tree\ncurl; echo pwned\n", 2, "curl;", id="shell"),
        pytest.param("$(touch\n", 1, "$(touch", id="substitution"),
        pytest.param("\n-n\n", 2, "-n", id="option"),
        pytest.param("-oDPkg::Pre-Invoke::=id\n", 1, "-oDPkg::Pre-Invoke::=id", id="option-that-runs"),
        pytest.param("--allow-downgrades\n", 1, "--allow-downgrades", id="long-option"),
        pytest.param("tree -/x\n", 1, "-/x", id="no-option"),
        pytest.param("bash-\n", 1, "bash-", id="would-remove"),
        pytest.param("Foo\n", 1, "Foo", id="upper-case"),
        pytest.param("./local.deb\n", 1, "./local.deb", id="file"),
        pytest.param("tree=\n", 1, "tree=", id="empty-version"),
        pytest.param("tree==1.0\n", 1, "tree==1.0", id="pip"),
        pytest.param("tree=1 2\n", 1, "2", id="blank-in-a-version"),
        pytest.param("xfce4*\n", 1, "xfce4*", id="pattern"),
        pytest.param("xfce-desktop^\n", 1, "xfce-desktop^", id="task"),
        pytest.param("tree\n\u200bhtop\n", 2, "\\u200bhtop", id="invisible"),
        pytest.param("x" * 500, 1, "x" * 100 + "…", id="long"),
    ],
)
def test_refuses_what_is_no_package(detect: Detect, content: str, line: int, word: str) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        detect(content)

    assert caught.value.where == f"apt.txt:{line}"
    assert caught.value.message == f"`apt.txt` has an invalid package name: `{word}`"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("-n tree\n", ["-n"]),
        ("tree\n\n-n\n", ["-n"]),
        ("--allow-downgrades tree\n", ["--allow-downgrades"]),
        ("-oDPkg::Pre-Invoke::=id tree\n", ["-oDPkg::Pre-Invoke::=id"]),
        ("tree -t trixie-backports\n", ["-t"]),
        ("-t=trixie-backports tree -o Dpkg::Use-Pty=0\n", ["-t=trixie-backports", "-o"]),
        ("apt-get install -y -f tree\n", ["-f"]),
    ],
)
def test_options_beside_packages_have_no_effect(detect: Detect, content: str, options: list[str]) -> None:
    found = detect(content)

    assert packages(found) == ("tree",)
    assert found is not None
    assert [n.message.split("`")[1] for n in found.notices if n.level == "warning"] == options


def test_proposes_the_name_in_lower_case(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        detect("r-cran-randomForest\n")

    assert caught.value.hint is not None
    assert "`r-cran-randomforest`" in caught.value.hint


def test_refuses_two_versions_of_one_package(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError, match="both `tree=1-1` and `tree=2-1`") as caught:
        detect("tree=1-1\ntree=2-1\n")

    assert caught.value.line == 2


def test_knows_a_pointer_of_git_lfs(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError, match="Git LFS pointer"):
        detect("version https://git-lfs.github.com/spec/v1\noid sha256:1a20\nsize 18\n")


def test_refuses_more_packages_than_a_command_line_holds(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError, match="more than 2,000 packages"):
        detect("tree\n" * 2_001)


def test_more_lines_than_any_list_has_are_refused(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError, match="more than 100,000 lines") as caught:
        detect("\n" * 100_001)

    assert caught.value.line == 100_001


@pytest.mark.parametrize("content", ["", "# nothing\n\n  \n", "\ufeff\r\n"])
def test_an_empty_list_is_a_notice_and_no_layer(detect: Detect, content: str) -> None:
    detection = detect(content)

    assert detection.layers == ()
    assert [notice.message for notice in detection.notices] == ["`apt.txt` lists no packages"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("-y man\n", ("man",)),
        ("apt-get update\nvim\n", ("vim",)),
        ("sudo apt-get install -y vim nano\n", ("nano", "vim")),
        ("apt install tree\n", ("tree",)),
        ("tree --no-install-recommends\n", ("tree",)),
    ],
)
def test_passes_over_what_r2i_does_anyway_and_says_so(
    detect: Detect, content: str, expected: tuple[str, ...]
) -> None:
    detection = detect(content)

    assert packages(detection) == expected
    assert detection.notices
    assert all(notice.line == 1 for notice in detection.notices)


def test_a_command_hides_nothing(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError, match="`&&`"):
        detect("apt-get update && curl\n")


def test_evidence_names_the_line_of_each_package(detect: Detect) -> None:
    detection = detect("# first\ntree\nhtop\n")

    assert [(e.file, e.line, e.why) for e in detection.layers[0].evidence] == [
        ("apt.txt", 2, "`tree`"),
        ("apt.txt", 3, "`htop`"),
    ]
    assert detection.layers[0].title == "apt.txt: 2 packages"


def test_order_and_comments_do_not_change_the_layer(detect: Detect) -> None:
    assert detect("tree\nhtop\n").layers[0].variables == detect("# x\nhtop\n\ntree # y\n").layers[0].variables


@pytest.mark.parametrize(
    ("base", "asked", "expected"),
    [
        ("debian:trixie-slim", "libgl1-mesa-glx", ("libgl1",)),
        ("debian:bookworm-slim", "libgl1-mesa-glx", ("libgl1-mesa-glx",)),
        ("debian:trixie-slim", "libopenblas-base", ("libopenblas0",)),
        ("debian:trixie-slim", "texlive-generic-recommended", ("texlive-plain-generic",)),
        ("debian:trixie-slim", "bsdtar", ("libarchive-tools",)),
        ("debian:trixie-slim", "libgtk2.0.0", ("libgtk2.0-0t64",)),
        ("debian:bookworm-slim", "libgtk2.0.0", ("libgtk2.0-0",)),
        ("debian:trixie-slim", "firefox", ("firefox-esr",)),
        ("ubuntu:24.04", "firefox", ("firefox",)),
        ("debian:trixie-slim", "software-properties-common", ()),
        ("ubuntu:24.04", "software-properties-common", ("software-properties-common",)),
        ("debian:trixie-slim", "python-pip", ("python3-pip",)),
        ("debian:trixie-slim", "openjdk-8-jdk", ("openjdk-21-jdk",)),
        ("debian:bookworm-slim", "openjdk-8-jdk", ("openjdk-17-jdk",)),
        ("ubuntu:22.04", "openjdk-8-jdk", ("openjdk-8-jdk",)),
        ("debian:trixie-slim", "gcc-7", ("gcc-12",)),
        ("debian:trixie-slim", "gcc-99", ("gcc-14",)),
        ("debian:trixie-slim", "python3.8-dev", ("python3.13-dev",)),
        ("debian:bookworm-slim", "libasound2t64", ("libasound2",)),
        ("debian:trixie-slim", "libasound2t64", ("libasound2t64",)),
        ("example.org/image:1", "libgl1-mesa-glx", ("libgl1-mesa-glx",)),
        ("debian:trixie-slim", "libgl1-mesa-glx:i386", ("libgl1:i386",)),
        ("debian:trixie-slim", "libgl1-mesa-glx=20.1-1", ("libgl1",)),
    ],
)
def test_uses_the_name_of_the_release(
    detect: Detect, base: str, asked: str, expected: tuple[str, ...]
) -> None:
    assert packages(detect(f"{asked}\n", base=base)) == expected


def test_says_what_it_replaces_and_where(detect: Detect) -> None:
    assert messages(detect("tree\nlibgl1-mesa-glx\n")) == [
        "info 2: `libgl1-mesa-glx` is `libgl1` in Debian 13"
    ]


def test_warns_where_the_replacement_is_another_version(detect: Detect) -> None:
    assert messages(detect("openjdk-8-jdk\n")) == [
        "warning 1: `openjdk-8-jdk` becomes `openjdk-21-jdk` in Debian 13: a different version of Java"
    ]


def test_says_that_a_pin_does_not_last(detect: Detect) -> None:
    (message,) = messages(detect("tree=2.1.0-1\n"))

    assert message.startswith("warning 1: `tree=2.1.0-1` can be installed only while")


def test_a_language_pack_is_a_locale_of_debian(detect: Detect) -> None:
    detection = detect("language-pack-en\nlanguage-pack-de-base\n")

    assert packages(detection) == ("locales",)
    assert detection.layers[0].variables["locales"] == ("de_DE.UTF-8", "en_US.UTF-8")


def test_a_language_pack_is_a_package_of_ubuntu(detect: Detect) -> None:
    detection = detect("language-pack-en\n", base="ubuntu:24.04")

    assert packages(detection) == ("language-pack-en",)
    assert detection.layers[0].variables["locales"] == ()


@pytest.mark.parametrize("base", ["debian:trixie-slim", "ubuntu:24.04", "example.org/image:1"])
def test_the_package_of_locales_gives_that_of_binder(detect: Detect, base: str) -> None:
    assert detect("locales\n", base=base).layers[0].variables["locales"] == ("en_US.UTF-8",)


def test_the_package_of_locales_adds_nothing_unasked(detect: Detect) -> None:
    assert detect("locales-all\ntree\n").layers[0].variables["locales"] == ()


def test_refuses_a_package_that_the_release_has_lost_and_names_an_image_that_has_it(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError, match="`wkhtmltopdf` is not in Debian 13") as caught:
        detect("tree\nwkhtmltopdf\n")

    assert caught.value.line == 2
    assert caught.value.hint is not None
    assert "`--base-image debian:bookworm-slim`" in caught.value.hint


@pytest.mark.parametrize("base", ["example.org/science:trixie", "debian:forky-slim"])
def test_only_warns_where_the_image_may_have_the_package_all_the_same(detect: Detect, base: str) -> None:
    detection = detect("wkhtmltopdf\n", base=base)

    assert packages(detection) == ("wkhtmltopdf",)
    assert [notice.level for notice in detection.notices] == ["warning"]


def test_a_compiler_is_evidence(detect: Detect) -> None:
    detection = detect("tree\nbuild-essential\ngfortran\n")

    assert [evidence.line for evidence in detection.compiles] == [2, 3]


def test_a_library_is_no_compiler(detect: Detect) -> None:
    assert detect("libgfortran5\ncmake\npython3-dev\n").compiles == ()


def test_reads_the_configuration_directory(tmp_path: Path) -> None:
    (tmp_path / "binder").mkdir()
    (tmp_path / "binder" / "apt.txt").write_text("tree\n")
    (tmp_path / "apt.txt").write_text("htop\n")
    detection = Apt().detect(Checkout.open(tmp_path), Options())

    assert detection is not None
    assert packages(detection) == ("tree",)
    assert detection.layers[0].evidence[0].file == "binder/apt.txt"


WORDS = st.one_of(
    st.sampled_from(
        ["tree", "libgl1-mesa-glx", "g++", "a=1", "x:i386", "-y", "#", "apt-get install", "Foo", ";"]
    ),
    st.text(max_size=12),
)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(WORDS).map(lambda words: "\n".join(words).encode("utf-8", "replace")),
    )
)
@example(b"\xff\xfe\x00\xd8")
@example(b"curl\x00evil")
@example(b"tree\x0bhtop\x0c\x1c;")
@example("٣tree\ntree=٣\n".encode())
@example(b"tree\n\n\\\nRUN id")
def test_any_bytes_give_validated_packages_or_an_error(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            detection = detect_in(Path(directory), content)
        except R2iError:
            return
    for layer in detection.layers:
        assert packages(detection)
        for package in packages(detection):
            # Written down once more, so that a hole in the buildpack's own pattern shows.
            assert re.fullmatch(r"[a-z0-9][A-Za-z0-9+.:=/~*-]{1,199}", package)
            assert SPEC.fullmatch(package)
        locales = layer.variables["locales"]
        assert isinstance(locales, tuple)
        assert all(isinstance(locale, str) and LOCALE.fullmatch(locale) for locale in locales)


def test_every_replacement_is_a_package_that_is_not_replaced_itself() -> None:
    releases = [row["name"] for row in pins()["releases"]]
    rows = [line.split("|") for line in names()["renamed"].strip().splitlines()]

    for name, to, where, *_ in rows:
        assert SPEC.fullmatch(name.strip()), name
        for release in where.split():
            assert release in releases
            for new in to.split():
                assert SPEC.fullmatch(new), new
                assert look_up(new, release) is None, f"{name} → {new} in {release}"


def test_every_family_gives_a_package_that_is_kept() -> None:
    for name, release in [
        ("openjdk-8-jre-headless", "trixie"),
        ("clang-10", "noble"),
        ("libboost1.65-dev", "bookworm"),
    ]:
        found = look_up(name, release)

        assert isinstance(found, Renamed)
        assert found.guess
        assert look_up(found.to[0], release) is None


def test_releases_of_lost_packages_are_releases() -> None:
    releases = {row["name"] for row in pins()["releases"]}
    for line in names()["gone"].strip().splitlines():
        name, where, *_ = (value.strip() for value in line.split("|"))
        lacks = sorted(releases - set(where.split()))

        assert set(where.split()) < releases
        assert isinstance(look_up(name, lacks[0]), Gone), name


def test_real_lists_are_read(tmp_path: Path) -> None:
    groups = tomllib.loads(LISTS.read_text(encoding="utf-8"))
    refused = []
    for lines in [lines for group in groups.values() for lines in group]:
        try:
            detect_in(tmp_path, "\n".join(lines))
        except InvalidRepositoryError as error:
            refused.append(error.message)

    assert sum(len(group) for group in groups.values()) >= 48
    assert refused == [
        "`apt.txt` has an invalid package name: `r-cran-randomForest`",
    ]
