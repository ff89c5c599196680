"""Whatever is typed, and whatever a server answers: a source, a record, or an error with words; never a bug of r2i."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r2i.errors import R2iError
from r2i.sources import RECORDS
from r2i.sources.web.client import HttpClient
from r2i.sources.web.patience import Patience
from tests.sources.asking import typed
from tests.sources.record_servers import FILES, SAMPLES
from tests.sources.web_servers import Answer, Asked, Handler, json_answer, web_servers

NAMES = [records.name for records in RECORDS]
#: What stands in places where something else is due; the texts are those that break readers of addresses, dates and numbers.
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.text(max_size=5),
    st.sampled_from(
        [
            "http://[",
            "https://x:99999/",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "9" * 5000,
            "\ud800",
            "../..",
            "١",
        ]
    ),
    st.just([]),
    st.just({}),
    st.just([None]),
)
SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


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


@pytest.mark.parametrize("name", NAMES)
def test_any_answer_is_a_record_or_an_error(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    server = next(records.server for records in RECORDS if records.name == name)
    source = server.read(typed(sample.address))
    assert source is not None
    changes = Changes()
    hosts = {host: changes.around(handler) for host, handler in sample.hosts(FILES).items()}
    with web_servers(hosts, tmp_path) as web:

        @SETTINGS
        @given(place=st.integers(0, 60), value=ODD)
        def ask(place: int, value: Any) -> None:
            changes.place, changes.value = place, value
            client = HttpClient(
                environ=web.environ, report=lambda _: None, patience=Patience(pause=lambda _: None)
            )
            try:
                record = server.record(source, client, environ=web.environ)
            except R2iError:
                return
            assert record.content_id

        ask()


class Changes:
    """One value of all answers in JSON is replaced: the one at this place, counted through each of them."""

    place = 0
    value: Any = None

    def around(self, handler: Handler) -> Handler:
        def changed(asked: Asked) -> Answer:
            answer = handler(asked)
            if answer.kind != "application/json":
                return answer
            document = copy.deepcopy(json.loads(answer.body))
            places = list(_places(document))
            if self.place < len(places):
                parent, key = places[self.place]
                parent[key] = self.value
            return json_answer(document, status=answer.status)

        return changed


def _places(document: Any) -> Any:
    """Where each value stands: what holds it, and under which key."""
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in list(items):
        yield document, key
        yield from _places(value)
