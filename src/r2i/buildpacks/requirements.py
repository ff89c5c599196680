"""`requirements.txt`: the Python environment in pip's own format."""

from __future__ import annotations

from r2i.checkout import Checkout
from r2i.facts.server_parts import server_evidence
from r2i.formats.requirements import read_requirements
from r2i.model import Detection, Options


class Requirements:
    name = "requirements"
    files = ("requirements.txt",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        del options
        path = checkout.config("requirements.txt")
        if path is None:
            return None
        environment, notices = read_requirements(checkout, path)
        return Detection(environment=environment, notices=notices, server=server_evidence(environment.names))
