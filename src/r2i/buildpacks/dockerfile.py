"""`Dockerfile`: the repository describes its image itself, and everything else is left alone."""

from __future__ import annotations

import re

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.model import BaseImage, Detection

#: Base images that no longer exist; Binder named the first in its early documentation.
DEAD_IMAGES = re.compile(r"^\s*FROM\s+(andrewosh/binder-(?:base|python[\w.-]*))(?![\w.-])", re.IGNORECASE)


class OwnDockerfile:
    name = "dockerfile"
    files = ("Dockerfile",)

    def detect(self, checkout: Checkout, base: BaseImage) -> Detection | None:
        path = checkout.config("Dockerfile")
        if path is None:
            return None
        lines = checkout.read(path).split("\n")
        for number, line in enumerate(lines, 1):
            if dead := DEAD_IMAGES.match(line):
                raise InvalidRepositoryError(
                    f"The base image `{dead[1]}` no longer exists",
                    file=path,
                    line=number,
                    hint="Delete the `Dockerfile` where other files declare the packages, or choose a current image",
                )
        if not any(re.match(r"\s*FROM\s", line, re.IGNORECASE) for line in lines):
            raise InvalidRepositoryError(
                f"`{path}` has no `FROM` line", file=path, line=1, hint="Begin with the image to build on"
            )
        return Detection(dockerfile=path)
