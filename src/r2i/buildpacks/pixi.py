"""`pixi.lock`, else `pixi.toml` or `[tool.pixi]` in `pyproject.toml`: the environment `default` of a pixi workspace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from r2i.checkout import Checkout
from r2i.facts.server_parts import server_evidence
from r2i.formats.conda.environment_yml import Dependency
from r2i.formats.conda.pythons import python_of
from r2i.formats.conda.wishes import wished_environment, wishes
from r2i.formats.conda_locks.agreement import Wishes, named_requirements, require_agreement
from r2i.formats.conda_locks.environment import detection, require_platform
from r2i.formats.conda_locks.pixi_lock import read_pixi_lock
from r2i.formats.conda_locks.pixi_manifest import Manifest, find_manifest, is_manifest, read_manifest
from r2i.formats.requirements import read_lines
from r2i.model import Detection, Evidence, Ignored, Options

LOCK = "pixi.lock"


class Pixi:
    name = "pixi"
    files = (LOCK, "pixi.toml", "pyproject.toml")

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        lock, path = checkout.config(LOCK), find_manifest(checkout)
        manifest = read_manifest(checkout, path) if path else None
        if lock is not None:
            found = _locked(checkout, lock, manifest, options)
        elif manifest is not None:
            found = _wished(checkout, manifest, options)
        else:
            return None
        return replace(found, ignored=(*found.ignored, *_second(checkout, path)))


def _second(checkout: Checkout, path: str | None) -> Iterable[Ignored]:
    """A second manifest, which pixi does not read either."""
    other = checkout.config("pyproject.toml")
    if path is not None and other is not None and other != path and is_manifest(checkout, other):
        yield Ignored(file=other, reason=f"pixi reads `{path}`")


def _locked(checkout: Checkout, path: str, manifest: Manifest | None, options: Options) -> Detection:
    lock = read_pixi_lock(checkout, path, editable=manifest.editable if manifest else ())
    if manifest is None:
        return detection(Pixi.name, lock, options)
    require_platform(lock)
    pypi = tuple(named_requirements(manifest.pypi))
    require_agreement(lock, Wishes(file=manifest.file, conda=manifest.conda, pypi=pypi))
    evidence = Evidence(why=f"requirements locked in `{path}`", file=manifest.file)
    return detection(Pixi.name, lock, options, evidence=(evidence,), notices=manifest.notices)


def _wished(checkout: Checkout, manifest: Manifest, options: Options) -> Detection:
    pip, notices = read_lines(checkout, manifest.file, manifest.pypi)
    dependencies = [Dependency(spec=spec, line=line) for spec, line in manifest.conda]
    python, requires = python_of(dependencies)
    install = replace(pip.install, options=(*pip.install.options, *manifest.options))
    environment = wished_environment(
        replace(pip, install=install),
        dependencies,
        buildpack=Pixi.name,
        why=f"requires {len(manifest.conda)} conda packages; there is no `{LOCK}` to pin them",
        entry="pypi-of-pixi.txt",
        document=wishes(
            manifest.channels,
            [spec for spec, _ in manifest.conda],
            options,
            cuda=manifest.cuda,
            exclude_newer=manifest.exclude_newer,
        ),
    )
    return Detection(
        environment=environment,
        requests={"python": python} if python else {},
        requires=requires,
        server=server_evidence(environment.names),
        notices=(*manifest.notices, *notices),
    )
