"""The manifests of docs/operators.md: they are YAML, and what they have r2i do exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from r2i.cli.app import COMMANDS, cli
from tests.cases import ROOT

PAGE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
DOCUMENTS = [document for block in BLOCKS for document in yaml.safe_load_all(block)]
MANIFESTS = [document for document in DOCUMENTS if "apiVersion" in document]


def commands(value: Any) -> Iterator[list[str]]:
    """Every command and list of arguments in a manifest."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name in {"command", "args"}:
                yield part
            else:
                yield from commands(part)
    elif isinstance(value, list):
        for part in value:
            yield from commands(part)


def calls() -> list[list[str]]:
    """All calls of r2i on the page."""
    typed = [line.split() for line in re.findall(r"^    (r2i .*)$", PAGE, re.MULTILINE)]
    return typed + [words for words in commands(MANIFESTS) if words[0] == "r2i"]


def test_there_is_a_manifest_for_each_way() -> None:
    assert len(BLOCKS) == 3
    assert {manifest["kind"] for manifest in MANIFESTS} >= {"Job", "Role", "StatefulSet", "Service"}


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda manifest: f"{manifest['kind']}-{manifest['metadata']['name']}"
)
def test_manifests_are_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    pods = [manifest["spec"]["template"]["spec"]] if "template" in manifest.get("spec", {}) else []
    for pod in pods:
        volumes = {volume["name"] for volume in pod.get("volumes", ())}
        volumes |= {claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", ())}
        containers = [*pod.get("initContainers", ()), *pod["containers"]]
        mounted = {mount["name"] for each in containers for mount in each.get("volumeMounts", ())}

        assert mounted == volumes
        assert all(each["image"].rpartition(":")[2] for each in containers)
    assert all(isinstance(word, str) for words in commands(manifest) for word in words)


@pytest.mark.parametrize("call", calls(), ids=" ".join)
def test_r2i_has_the_options(call: list[str]) -> None:
    name = call[1]
    assert name in COMMANDS
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    known = {word for parameter in command.params for word in parameter.opts}
    used = {word.partition("=")[0] for word in call[2:] if word.startswith("-")}

    assert used <= known
