"""`Dockerfile`: the repository describes its image itself, and everything else is left alone."""

from __future__ import annotations

import re

from r2i.checkout import Checkout
from r2i.checkout.bounds import check_dockerfile
from r2i.errors import InvalidRepositoryError
from r2i.formats.dockerfile import stages
from r2i.model import Detection, Options

#: Base images that no longer exist; Binder named the first in its early documentation.
DEAD_IMAGES = re.compile(r"(andrewosh/binder-(?:base|python[\w.-]*))(?![\w.-]).*", re.IGNORECASE)


class OwnDockerfile:
    name = "dockerfile"
    files = ("Dockerfile",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("Dockerfile")
        if path is None:
            return None
        text = checkout.read(path)
        check_dockerfile(text, path)
        found = stages(text)
        for stage in found:
            if dead := DEAD_IMAGES.fullmatch(stage.base):
                raise InvalidRepositoryError(
                    f"The base image `{dead[1]}` no longer exists",
                    file=path,
                    line=stage.instructions[0].line,
                    hint="Choose a current image, or delete the `Dockerfile` if other files declare the packages",
                )
        if not found:
            raise InvalidRepositoryError(
                f"`{path}` has no `FROM` line",
                file=path,
                line=1,
                hint="Add a `FROM` line that names the base image",
            )
        return Detection(dockerfile=path)
