"""Whatever is typed is a source of a provider of records, or of another one, or an error with words; never a bug of r2i."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2i.errors import R2iError
from r2i.sources.providers import RECORDS
from tests.sources.asking import typed
from tests.sources.record_servers import SAMPLES

NAMES = [records.name for records in RECORDS]


@pytest.mark.parametrize("name", NAMES)
@given(
    before=st.sampled_from(["", "https://", "http://www."]), end=st.text(max_size=30), cut=st.integers(0, 80)
)
@settings(max_examples=60, deadline=None)
def test_any_address_is_a_source_or_an_error(name: str, before: str, end: str, cut: int) -> None:
    server = next(records.server for records in RECORDS if records.name == name)
    text = before + SAMPLES[name].address.removeprefix("https://")[:cut] + end
    try:
        source = server.read(typed(text))
    except R2iError:
        return
    assert source is None or source.provider == name
