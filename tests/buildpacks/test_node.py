"""`package.json`, and the Node.js that it, `start` or `postBuild` brings into the image."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.writing import write

from r2i.model import Layer, Options, Plan
from r2i.planning.compose import make_plan


def plan(top: Path, files: dict[str, str]) -> Plan:
    return make_plan(write(top, {"requirements.txt": "six\n", **files}), Options())


def node_layer(found: Plan) -> Layer | None:
    return next((layer for layer in found.layers if layer.title.startswith("Node.js")), None)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"package.json": "{}"}, "`package.json` is for Node.js"),
        ({"start": '#!/bin/bash\nnpx x &\nexec "$@"\n'}, "`start` runs Node.js: `npx x &`"),
        ({"postBuild": "#!/bin/bash\nnpm ci\n"}, "`postBuild` runs Node.js: `npm ci`"),
        ({"binder/postBuild": "jupyter lab build\n"}, "`binder/postBuild` runs Node.js: `jupyter lab build`"),
        ({"binder/package.json": "{}"}, "`binder/package.json` is for Node.js"),
        ({"binder/start": "exec $@", "package.json": "{}"}, "`package.json` is for Node.js"),
    ],
)
def test_a_sign_of_node_brings_it(tmp_path: Path, files: dict[str, str], why: str) -> None:
    found = plan(tmp_path, files)
    layer = node_layer(found)

    assert layer is not None
    assert [evidence.why for evidence in layer.evidence] == [why]
    assert layer.variables["packages"] == ("nodejs", "npm")
    assert found.variables["NPM_CONFIG_PREFIX"] == "/srv/env"


def test_yarn_is_a_package_of_its_own(tmp_path: Path) -> None:
    layer = node_layer(plan(tmp_path, {"postBuild": "yarn install\n"}))

    assert layer is not None
    assert layer.variables["packages"] == ("nodejs", "npm", "yarnpkg")


def test_an_environment_with_node_keeps_its_own(tmp_path: Path) -> None:
    files = {"environment.yml": "dependencies: [nodejs=20]\n", "postBuild": "npm ci\n"}

    assert node_layer(plan(tmp_path, files)) is None


def test_without_a_sign_there_is_none(tmp_path: Path) -> None:
    found = plan(tmp_path, {"postBuild": "echo node\n"})

    assert node_layer(found) is None
    assert "NPM_CONFIG_PREFIX" not in found.variables
