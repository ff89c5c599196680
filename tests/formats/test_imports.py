"""What code imports and the Binder environment has: found, with its place, and installed where no file asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.writing import write

from r2i.model import Options, Plan
from r2i.planning.compose import make_plan


def notebook(*sources: str, cell_type: str = "code", language: str = "python") -> str:
    cells = [
        {"cell_type": cell_type, "metadata": {}, "source": source.splitlines(keepends=True)}
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": {"kernelspec": {"language": language}}}, indent=1)


def plan_of(top: Path, files: dict[str, str]) -> Plan:
    return make_plan(write(top, files), Options())


def installed(plan: Plan) -> tuple[str, ...]:
    layer = next(layer for layer in plan.layers if "packages" in layer.variables and layer.stage == 60)
    packages = layer.variables["packages"]
    assert isinstance(packages, tuple)
    return tuple(map(str, packages[3:]))


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("import requests", ("requests",)),
        ("import os, requests as r", ("requests",)),
        ("import os; import yaml", ("pyyaml",)),
        ("def f():\n    from bs4 import BeautifulSoup\n", ("beautifulsoup4",)),
        ("try:\n    import jinja2\nexcept ImportError:\n    jinja2 = None", ("jinja2",)),
        ("from dateutil.parser import parse\nimport six", ("python-dateutil", "six")),
        ("import pkg_resources", ("setuptools<81",)),
        ("import setuptools, pkg_resources", ("setuptools<81",)),
        ("from sqlalchemy import create_engine", ("sqlalchemy",)),
        ("%matplotlib inline\n!pip list\nimport nbformat", ("nbformat",)),
        ("%%time\nimport tornado", ("tornado",)),
        ("print 'two'\nimport requests", ("requests",)),
        ("import numpy, requests_oauthlib", ()),
        ("from .requests import get", ()),
        ("text = 'import requests'", ()),
        ("# import requests", ()),
        ("%%bash\nimport requests", ()),
        ("x = '''\nimport requests\n'''", ()),
    ],
)
def test_cells_say_what_they_import(tmp_path: Path, source: str, packages: tuple[str, ...]) -> None:
    assert installed(plan_of(tmp_path, {"a.ipynb": notebook(source)})) == packages
    minified = json.dumps(json.loads(notebook(source)))
    assert installed(plan_of(tmp_path / "b", {"a.ipynb": minified})) == packages


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("%run -i other.ipynb", ("nbformat",)),
        ('%run "my other.ipynb"', ("nbformat",)),
        ("%run other.py", ()),
        ("import plotly.express as px\npx.line()", ("nbformat",)),
        ("from plotly import graph_objects", ("nbformat",)),
        ("text = 'plotly'", ()),
        ("import pandas as pd\npd.DataFrame().style.format('{}')", ("jinja2",)),
        ("import pandas\nimport matplotlib.pyplot as plt\nplt.style.use('ggplot')", ()),
        ("import pandas as pd\npd.read_sql('a', 'sqlite:///a.db')", ("sqlalchemy",)),
        ("import pandas as pd\npd.read_sql('a', connection)", ()),
        ("frame.style.format('{}')", ()),
    ],
)
def test_cells_say_what_libraries_import_for_them(
    tmp_path: Path, source: str, packages: tuple[str, ...]
) -> None:
    assert installed(plan_of(tmp_path, {"a.ipynb": notebook(source)})) == packages
    minified = json.dumps(json.loads(notebook(source)))
    assert installed(plan_of(tmp_path / "b", {"a.ipynb": minified})) == packages
    assert installed(plan_of(tmp_path / "c", {"a.ipynb": notebook(source, cell_type="markdown")})) == ()
    declared = {"a.ipynb": notebook(source), "requirements.txt": "\n".join((*packages, "numpy"))}
    plan = plan_of(tmp_path / "d", declared)
    assert not [e for layer in plan.layers for e in layer.evidence if "Binder" in e.why]


def test_the_plan_names_the_call(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"a.ipynb": notebook("import plotly.express as px\n")})

    [evidence] = [e for layer in plan.layers for e in layer.evidence if "nbformat" in e.why]
    assert evidence.why == "`plotly` needs `nbformat`, which the Binder environment has"
    assert evidence.line == 7


def test_the_plan_names_the_place(tmp_path: Path) -> None:
    files = {"create-db.ipynb": notebook("import os\n", "1 + 1\nimport requests\n")}
    plan = plan_of(tmp_path, files)
    line = next(n for n, text in enumerate(files["create-db.ipynb"].split("\n"), 1) if "requests" in text)

    [evidence] = [e for layer in plan.layers for e in layer.evidence if "requests" in e.why]
    assert (evidence.file, evidence.line) == ("create-db.ipynb", line)
    assert evidence.why == "imports `requests`, which the Binder environment has"


@pytest.mark.parametrize(
    ("files", "packages"),
    [
        ({"tool.py": "import requests\n"}, ("requests",)),
        ({"src/tool/__init__.py": "import requests\n", "a.ipynb": notebook("import tool")}, ("requests",)),
        ({"setup.cfg": "", "conftest.py": "import requests\n"}, ()),
        ({"tests/test_it.py": "import requests\n", "docs/conf.py": "import yaml\n"}, ()),
        ({"a.ipynb": notebook("import requests", cell_type="markdown")}, ()),
        ({"a.ipynb": notebook("import requests", language="R")}, ()),
        ({"a.ipynb": notebook("import requests", language="python3")}, ("requests",)),
        ({"a.ipynb": notebook("import requests", language="IPython")}, ("requests",)),
        ({"a.ipynb": notebook("import requests"), "lib/requests.py": ""}, ()),
        ({"a.ipynb": notebook("import requests"), "requests/__init__.py": ""}, ()),
        ({"a.ipynb": "import requests"}, ()),
        ({"a.ipynb": '"import requests"'}, ()),
        ({"a.ipynb": notebook("import yaml"), "requirements.txt": "PyYAML==6.0\n"}, ()),
        ({"a.ipynb": notebook("import yaml"), "requirements.txt": "six\n"}, ("pyyaml",)),
        (
            {"a.ipynb": notebook("import pkg_resources"), "requirements.txt": "setuptools\n"},
            ("setuptools<81",),
        ),
        ({"a.ipynb": notebook("import pkg_resources"), "requirements.txt": "setuptools==65.0\n"}, ()),
        ({"a.ipynb": notebook("import yaml"), "environment.yml": "dependencies: [six]\n"}, ("pyyaml",)),
        ({"a.ipynb": notebook("import yaml"), "environment.yml": "dependencies: [pyyaml]\n"}, ()),
    ],
)
def test_only_what_is_undeclared_and_not_of_the_repository_is_installed(
    tmp_path: Path, files: dict[str, str], packages: tuple[str, ...]
) -> None:
    assert installed(plan_of(tmp_path, files)) == packages


def test_a_dockerfile_of_its_own_gets_nothing(tmp_path: Path) -> None:
    files = {"a.ipynb": notebook("import requests"), "Dockerfile": "FROM debian:12\n"}

    assert plan_of(tmp_path, files).layers == ()
