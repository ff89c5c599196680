"""Conda's specs: what each means, compared with what rattler makes of it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rattler import MatchSpec

from r2i.errors import InvalidRepositoryError
from r2i.formats.conda.specs import parse_spec
from r2i.formats.requirements.lines import Line


def parsed(text: str) -> str:
    return str(parse_spec(Line(file="environment.yml", number=3, text=text)))


#: As conda reads them, which rattler does, too, where it is not strict.
FORMS = [
    "numpy",
    "Numpy",
    "numpy=1.19",
    "numpy==1.19",
    "numpy=1.19.*",
    "numpy==1.19.*",
    "numpy=1.19*",
    "numpy=1.19=py38h1_0",
    "numpy==1.19=py38*",
    "numpy=*=cuda*",
    "numpy=1.2=*cuda*",
    "numpy=1.2=",
    "numpy>=1.2,<2",
    "numpy >= 1.2 , <2",
    "numpy = 1.2",
    "numpy 1.8",
    "numpy 1.8 py36_0",
    "numpy 1.8.*",
    "numpy =1.8",
    "numpy=1.2|1.3",
    "numpy=1.2|>2",
    "numpy!=1.3",
    "numpy!=1.3.*",
    "numpy~=1.2",
    "numpy>=1.16.*",
    "numpy<=1.2*",
    "numpy>=1.2=py*",
    "numpy=1.8.*,>=1.8.2",
    "numpy[version='>=1']",
    "numpy[version='>=1', build=py38*]",
    "conda-forge::numpy=1.2",
    "conda-forge/label/dev::numpy",
    "https://conda.example.org/lab::numpy>=1",
    "python>=3.11",
    "python=3",
    "_libgcc_mutex=0.1=main",
    "ld_impl_linux-64=2.36.1=hea4e1c9_2",
    "libgcc-ng=9.3.0=h5101ec6_17",
    "openssl=1.1.1l",
    "jpeg=9b=h024ee3a_2",
    "tzdata=2021a",
    "x=1!2.0",
    "x=2.0rc1",
    "foo=1.0+g123",
    "__cuda>=12",
    "gcc_linux-64=9",
]


@pytest.mark.parametrize("text", FORMS)
def test_a_spec_means_what_it_means_to_conda(text: str) -> None:
    assert str(MatchSpec(parsed(text), strict=True)) == str(MatchSpec(text, strict=False))


@pytest.mark.parametrize("text", FORMS)
def test_what_was_made_of_a_spec_stays_what_it_is(text: str) -> None:
    assert parsed(parsed(text)) == parsed(text)


@pytest.mark.parametrize("text", ["foo=*", "foo *", "foo==*", "foo =*=*"])
def test_any_version_is_no_version(text: str) -> None:
    assert parsed(text) == "foo"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("numpy=>1.2", "operator"),
        ("numpy=<1.2", "operator"),
        ("numpy >=1.20 <2", "no comma"),
        ("numpy>=1.20<2", "no comma"),
        ("numpy>=1.20 and <2", "no comma"),
        ("numpy==1.20.x", "`x`"),
        ("numpy@1.20", "`@`"),
        ("numpy^1.2", "Poetry"),
        ("numpy=latest", "no version"),
        ("git+https://example.org/x.git", "pip"),
        ("./pkg", "pip"),
        ("dask[complete]>=2", "extra"),
        ("https://conda.example.org/linux-64/foo-1.0-0.conda", "address of a package"),
        ("-e .", "option of pip"),
        ("--extra-index-url https://example.org", "option of pip"),
        ("-numpy", "hyphen"),
        ("numpy, scipy", "several"),
        ("numpy=1.2 ; touch /pwned", ""),
        ("numpy=$(id)", ""),
        ("numpy=1.2=py38;id", ""),
        ("numpy[url='https://x']", ""),
        ("", ""),
        ("numpy=^1.2", ""),
    ],
)
def test_what_conda_does_not_take_is_an_error_with_a_way_out(text: str, words: str) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        parsed(text)

    assert words in caught.value.message + (caught.value.hint or "")
    assert caught.value.where == "environment.yml:3"
    assert caught.value.hint


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["numpy", "1.2", "py38_0", "version", *"=<>!~|*,[]' :"])).map("".join)
)
def test_any_text_is_a_spec_that_rattler_takes_or_an_error(text: str) -> None:
    with suppress(InvalidRepositoryError):
        MatchSpec(parsed(text), strict=True)
