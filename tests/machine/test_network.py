"""`r2i doctor --network`: which servers of repositories this machine reaches."""

from __future__ import annotations

import importlib
import json
import os
import socket
from pathlib import Path

import jsonschema

from r2i.cli.doctor import _show_finding
from r2i.machine.network import check_servers
from r2i.machine.symptoms import Symptom
from r2i.sources.providers import PROVIDERS, servers
from tests.machine.test_command import SCHEMA, r2i
from tests.sources.web_servers import Answer, Handler, json_answer, problem, web_servers


def test_each_server_has_a_line(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "zenodo.org": json_answer({}),
        "github.com": problem(404),
        "gitlab.com": problem(503),
    }
    hosts: dict[str, Handler] = {host: lambda asked: answers[asked.host] for host in answers}
    with web_servers(hosts, tmp_path) as web:
        found = {symptom.check: symptom for symptom in check_servers(os.environ | web.environ)}
    assert list(found) == [server.name for server in servers()]
    assert (found["Zenodo"].status, found["Zenodo"].message) == ("ok", "`zenodo.org` answers")
    assert found["GitHub"].status == "ok"
    assert found["GitLab"].message.startswith("`gitlab.com` cannot answer now (HTTP 503): ")
    assert found["Codeberg"].message.startswith("The proxy of your network cannot reach `codeberg.org`")
    assert {symptom.problem for symptom in found.values() if symptom.status == "warning"} == {"server"}


def test_without_a_network_nothing_is_reached_and_nothing_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
    found = check_servers({"HTTPS_PROXY": proxy})
    assert {symptom.status for symptom in found} == {"warning"}


def test_servers_are_those_of_the_providers() -> None:
    named = {
        name
        for provider in PROVIDERS
        for name, _ in getattr(importlib.import_module(f"r2i.sources.{provider.name}"), "SERVERS", ())
    }
    assert {server.name for server in servers()} == named
    assert all(server.url.startswith("https://") for server in servers())


def test_the_report_has_them_only_when_it_is_asked(tmp_path: Path) -> None:
    with web_servers({"zenodo.org": lambda _: json_answer({})}, tmp_path) as web:
        environ = {**web.environ, "PATH": str(tmp_path)}
        without, report = (
            json.loads(r2i("doctor", "--json", *words, **environ).stdout) for words in ((), ("--network",))
        )
    jsonschema.validate(report, SCHEMA)
    more = report["findings"][len(without["findings"]) :]
    assert [finding["check"] for finding in more] == [server.name for server in servers()]
    assert {finding["status"] for finding in more} == {"ok", "warning"}
    assert report["ready"] == without["ready"]


def test_a_long_name_is_apart_from_what_is_said_of_it() -> None:
    said: list[str] = []
    finding = Symptom(check="Harvard Dataverse", status="warning", message="The host is unknown")
    _show_finding(lambda text, **_: said.append(str(text)), finding, width=None)
    assert said == ["! warning  Harvard Dataverse The host is unknown"]
