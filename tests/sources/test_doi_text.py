"""What people type as a DOI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.sources.doi_text import archive_of, read_doi


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("10.5281/zenodo.1234", "10.5281/zenodo.1234"),
        ("doi:10.5281/zenodo.1234", "10.5281/zenodo.1234"),
        ("DOI: 10.5281/zenodo.1234.", "10.5281/zenodo.1234"),
        ("DOI 10.5281/ZENODO.1234,", "10.5281/zenodo.1234"),
        ("https://doi.org/10.5281/zenodo.1234", "10.5281/zenodo.1234"),
        ("http://dx.doi.org/10.5281%2Fzenodo.1234?download=1#files", "10.5281/zenodo.1234"),
        ("https://www.doi.org/10.5281/zenodo.1234/", "10.5281/zenodo.1234"),
        ("doi.org/10.5281/zenodo.1234", "10.5281/zenodo.1234"),
        ("https://doi.org/doi:10.5281/zenodo.1234", "10.5281/zenodo.1234"),
        ("info:doi/10.5281/zenodo.1234", "10.5281/zenodo.1234"),
        ("<https://doi.org/10.5281/zenodo.1234>", "10.5281/zenodo.1234"),
        ("(doi:10.5281/zenodo.1234)", "10.5281/zenodo.1234"),
        ("10.5281%2Fzenodo.1234", "10.5281/zenodo.1234"),
        ("10.7910/DVN/6ZXAGT/3YRRYJ", "10.7910/DVN/6ZXAGT/3YRRYJ"),
        ("10.1016/S0021-9991(05)80012-1", "10.1016/S0021-9991(05)80012-1"),
        ("10.6084/m9.figshare.9782777.v3", "10.6084/m9.figshare.9782777.v3"),
        ("10.1000.10/123", "10.1000.10/123"),
        ("10.528/zenodo.1234", None),
        ("10.5281/", None),
        ("10.5281/>/", None),
        ("https://doi.org/10.5281/zenodo.1234./", "10.5281/zenodo.1234"),
        ("10.5281", None),
        ("10.5281/zenodo 1234", None),
        ("10.5281/zenodo%0A1234", None),
        ("owner/name", None),
        ("doi:owner/name", None),
        ("https://zenodo.org/records/1234", None),
        ("https://example.org/10.5281/zenodo.1234", None),
        ("", None),
    ],
)
def test_reads_a_doi(text: str, doi: str | None) -> None:
    assert read_doi(text) == doi


def test_knows_the_archive_by_the_beginning() -> None:
    archives = [
        archive_of(doi) for doi in ("10.5281/Zenodo.1", "10.6084/m9.figshare.1", "10.4211/hs.1", "10.1/x")
    ]

    assert archives == ["zenodo", "figshare", "hydroshare", None]


@given(st.text() | st.text().map(lambda text: f"doi:10.5281/{text}"))
def test_any_text_is_a_doi_or_none(text: str) -> None:
    doi = read_doi(text)

    assert doi is None or read_doi(doi) == doi
