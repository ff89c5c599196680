"""The steps of `action.yml` and the job of `templates/r2i.yml`, run as the runners of GitHub and GitLab run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cases import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
HEADER, TEMPLATE = yaml.safe_load_all((ROOT / "templates" / "r2i.yml").read_text(encoding="utf-8"))
JOB: dict[str, Any] = TEMPLATE["r2i"]

EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
SHA = "5f2d7c3b9a1e4f60718293a4b5c6d7e8f9012345"


def clean_environment() -> dict[str, str]:
    """This machine's, without what a CI service says of the job that runs these tests."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "CI", "RUNNER_", "GITLAB_"))}


@dataclass
class Runner:
    """A job of GitHub Actions on a directory; the action is installed already unless a test does it."""

    directory: Path
    temporary: Path
    event: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.temporary / "r2i" / "bin" / "r2i"
        program.parent.mkdir(parents=True)
        program.symlink_to(Path(sys.executable).with_name("r2i"))
        (self.temporary / "event.json").write_text(json.dumps(self.event))
        for name in ("output", "summary"):
            (self.temporary / name).touch()

    def run(self, inputs: Mapping[str, str]) -> int:
        """All steps but the installation; give the exit code of the first that fails."""
        for name, step in STEPS.items():
            if step.get("id") != "install" and self._wanted(step, inputs):
                self.step(name, inputs)
        return next((code for code in self.codes.values() if code), 0)

    def step(self, name: str, inputs: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run the script of a step as `shell: bash` does."""
        values = self._values(inputs)
        filled = {key: _filled(text, values) for key, text in STEPS[name]["env"].items()}
        script = self.temporary / "step.sh"
        script.write_text(STEPS[name]["run"], encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.directory,
            env={**self._environment(), **filled},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        self.logs[name], self.codes[name] = done.stdout + done.stderr, done.returncode
        return done

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.temporary / "output").read_text().splitlines()
        values = {f"steps.report.outputs.{k}": v for k, _, v in (line.partition("=") for line in lines)}
        missing = {f"steps.report.outputs.{name}": "" for name in ("R2I_IMAGE", "R2I_DIGEST", "R2I_PLAN")}
        return {
            name: _filled(output["value"], missing | values) for name, output in ACTION["outputs"].items()
        }

    @property
    def summary(self) -> str:
        return (self.temporary / "summary").read_text()

    def _environment(self) -> dict[str, str]:
        return {
            **clean_environment(),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(self.temporary / "event.json"),
            "GITHUB_OUTPUT": str(self.temporary / "output"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": "octavia/data",
            "GITHUB_SHA": SHA,
            "GITHUB_STEP_SUMMARY": str(self.temporary / "summary"),
            "RUNNER_TEMP": str(self.temporary),
            **self.more,
        }

    def _values(self, inputs: Mapping[str, str]) -> dict[str, str]:
        known = {name: entry["default"] for name, entry in ACTION["inputs"].items()} | dict(inputs)
        github = {
            "github.action_path": str(ROOT),
            "github.event.repository.default_branch": "main",
            "github.token": "",
            "steps.install.outcome": "success",
        }
        return {f"inputs.{name}": _filled(text, github) for name, text in known.items()} | github

    def _wanted(self, step: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
        failed = any(self.codes.values())
        condition = EXPRESSION.sub(r"\1", step.get("if", "success()"))
        if not re.search(r"\b(?:success|failure|cancelled|always)\(\)", condition):
            condition = f"success() && ({condition})"
        functions = {"success()": str(not failed), "cancelled()": "False"}
        for call, value in functions.items():
            condition = condition.replace(call, value)
        return _value(condition, self._values(inputs)) == "true"


def _filled(text: str, values: Mapping[str, str]) -> str:
    return EXPRESSION.sub(lambda found: _value(found[1], values), text)


def _value(expression: str, values: Mapping[str, str]) -> str:
    """What an expression of ours is: names, strings, `==`, `!=`, `!`, `&&` and `||`."""
    python = re.sub(r"(?:inputs|github|steps)\.[\w.-]+", lambda name: repr(values[name[0]]), expression)
    python = re.sub(r"!(?!=)", " not ", python.replace("&&", " and ").replace("||", " or "))
    found = eval(python.strip(), {"__builtins__": {}})
    return str(found).lower() if isinstance(found, bool) else str(found)


@dataclass
class Pipeline:
    """A job of GitLab CI on a directory; `variables` are those of the project and of the runner."""

    directory: Path
    work: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    log: str = ""

    def run(self, inputs: Mapping[str, str | bool]) -> int:
        """`before_script` and `script` in one shell, then `after_script` in another one; give the code of the first."""
        environment = self._environment(inputs)
        done = self._shell([*JOB["before_script"], *JOB["script"]], environment)
        after = self._shell(JOB["after_script"], environment)
        self.log = done.stdout + done.stderr + after.stdout + after.stderr
        assert after.returncode == 0, self.log
        return done.returncode

    def _shell(self, commands: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e"],
            input="\n".join(commands),
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def _environment(self, inputs: Mapping[str, str | bool]) -> dict[str, str]:
        entries = HEADER["spec"]["inputs"]
        known = {name: entry["default"] for name, entry in entries.items()} | dict(inputs)
        texts = {name: str(v).lower() if isinstance(v, bool) else v for name, v in known.items()}
        given = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_COMMIT_SHA": SHA,
            "CI_DEFAULT_BRANCH": "main",
            "CI_JOB_ID": "1",
            "CI_PROJECT_PATH": "octavia/data",
            "CI_PROJECT_VISIBILITY": "private",
            **self.variables,
        }
        filled = {
            name: re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda found: texts[found[1]], text)
            for name, text in JOB["variables"].items()
        }
        expanded = {
            name: re.sub(r"\$(\w+)", lambda found: given.get(found[1], ""), text)
            for name, text in filled.items()
        }
        return {**clean_environment(), **given, **expanded, "R2I_WORK": str(self.work)}
