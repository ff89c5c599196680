"""What r2i says of its options, in those of repo2docker."""

from __future__ import annotations

import re

#: The options of `r2i build` that have another name, and those that there are not.
OPTIONS = {
    "--base-image": "--Repo2Docker.base_image",
    "--platform": "--Repo2Docker.platform",
    "--tag": "--image-name",
    "--apt": "r2i build --apt",
    "--as-of": "r2i build --as-of",
    "--build-timeout": "r2i build --build-timeout",
    "--installer": "r2i build --installer",
    "--max-image-size": "r2i build --max-image-size",
    "--python": "r2i build --python",
    "--replace": "r2i build --replace",
    "--trust-repository": "r2i build --trust-repository",
}
OPTION = re.compile(rf"`({'|'.join(OPTIONS)})(?=[ =`])(?: (?=[^`]))?")


def reworded(text: str) -> str:
    """The same sentence, where literals in backticks begin with an option of `r2i build`."""

    def other(found: re.Match[str]) -> str:
        name = OPTIONS[found[1]]
        blank = found[0].endswith(" ")
        return f"`{name}{'=' if blank and name.startswith('--') else ' ' if blank else ''}"

    return OPTION.sub(other, text)
