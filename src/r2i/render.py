"""Plan → Dockerfile. Pure, but for the templates that ship with r2i."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from r2i.checkout import Checkout
from r2i.model import Dockerfile, Layer, Plan, Variables
from r2i.quoting import printable, quoted, shell_word

if TYPE_CHECKING:
    import jinja2

#: Where templates and the files beside them are looked for.
PACKAGES = ("r2i.image", "r2i.buildpacks")

HEADER = "# Made by r2i from the repository's files; `r2i plan` explains every part.\n"


def render(plan: Plan, checkout: Checkout, *, files_in: str = ".") -> Dockerfile:
    """The Dockerfile of a plan: the repository's own, or one that is made of the plan's layers.

    `files_in` is where in the build context the repository's files lie.
    """
    if plan.dockerfile is not None:
        text = checkout.read(plan.dockerfile)
        return Dockerfile(text=text, support={}, ignore=plan.dockerignore, layer_lines={})
    parts = [HEADER]
    layer_lines: dict[int, int] = {}
    support: dict[str, str] = {}
    common = {**_common(plan), "files_in": files_in}
    line = HEADER.count("\n") + 1
    for index, layer in enumerate(plan.layers):
        part = f"\n# {_comment(layer.title)}\n{_render_layer(layer, common)}\n"
        layer_lines |= dict.fromkeys(range(line, line + part.count("\n")), index)
        line += part.count("\n")
        parts.append(part)
        support |= layer.support
        support |= {name: resource(name) for name in layer.resources}
    return Dockerfile(text="".join(parts), support=support, ignore=plan.dockerignore, layer_lines=layer_lines)


def resource(name: str) -> str:
    """A file that lies beside the templates."""
    for package in PACKAGES:
        path = files(package).joinpath(name)
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(name)


def _common(plan: Plan) -> Variables:
    """What every template may use. Two releases must not share a cache of packages, hence `release`."""
    return {
        "release": plan.base.release.name if plan.base.release else "other",
        "user": plan.user_name,
        "uid": plan.user_id,
        "home": f"/home/{plan.user_name}",
        "repo_dir": plan.repo_dir,
    }


def _render_layer(layer: Layer, common: Variables) -> str:
    template = _templates().get_template(f"{layer.template}.Dockerfile.j2")
    return template.render({**common, **layer.variables}).strip("\n")


def _comment(title: str) -> str:
    return printable(" ".join(title.split()))


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, "") for name in PACKAGES]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - a Dockerfile is not HTML
    )
    environment.filters |= {
        "sh": shell_word,
        "quoted": quoted,
        "json": lambda value: json.dumps(list(value)),
    }
    return environment
