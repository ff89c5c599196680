"""`environment.yml`: conda packages, and a section of requirements for pip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from r2i.checkout import Checkout
from r2i.facts.server_parts import server_evidence
from r2i.formats.conda.cuda import cuda, is_for_cards
from r2i.formats.conda.environment_yml import EnvironmentYml, read_environment_yml
from r2i.formats.conda.pythons import python_of
from r2i.formats.conda.specs import Spec
from r2i.formats.conda.wishes import wished_environment, wishes
from r2i.formats.requirements import read_lines
from r2i.model import Detection, Evidence, Ignored, Notice, Options
from r2i.quoting import quoted

IRKERNEL = Spec(name="r-irkernel")


class Conda:
    name = "conda"
    files = ("environment.yml", "environment.yaml")

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        paths = [path for name in self.files if (path := checkout.config(name))]
        if not paths:
            return None
        path, *others = paths
        found = read_environment_yml(checkout, path)
        pip, notices = read_lines(checkout, path, found.pip)
        python, requires = python_of(found.dependencies) if options.python is None else (None, ())
        kernel = _kernel_of_r(found)
        specs = [*(dependency.spec for dependency in found.dependencies), *([IRKERNEL] if kernel else [])]
        environment = wished_environment(
            pip,
            found.dependencies,
            buildpack=self.name,
            why=_summary(found),
            entry="pip-of-conda.txt",
            document=wishes(found.channels, specs, options, cuda=cuda(specs)),
            environ=tuple(f"{name}={quoted(value)}" for name, value in found.variables.items()),
            brings=python,
        )
        if kernel:
            environment = replace(environment, names={**environment.names, IRKERNEL.name: kernel})
        return Detection(
            environment=environment,
            requires=requires,
            server=server_evidence(environment.names),
            notices=(*found.notices, *notices, *_about_cards(found)),
            ignored=tuple(Ignored.beaten(other, by=path) for other in others),
        )


def _kernel_of_r(found: EnvironmentYml) -> Evidence | None:
    """Binder adds the kernel to conda packages of R, so that environments rarely name it."""
    of_r = [each for each in found.dependencies if each.spec.name.startswith("r-")]
    if not of_r or any(each.spec.name == IRKERNEL.name for each in of_r):
        return None
    return of_r[0].line.evidence(f"`{of_r[0].spec.name}` needs a kernel for R: `{IRKERNEL.name}`")


def _summary(found: EnvironmentYml) -> str:
    count = len(found.dependencies)
    pip = f", and {len(found.pip)} for pip" if found.pip else ""
    return f"requires {count} conda package{'' if count == 1 else 's'}{pip}"


def _about_cards(found: EnvironmentYml) -> Iterable[Notice]:
    for dependency in found.dependencies:
        if is_for_cards(dependency.spec):
            yield dependency.line.info(
                "The environment requires packages for NVIDIA GPUs; they are selected even if this machine has no such GPU"
            )
            return
