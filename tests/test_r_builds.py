"""Images with R: what is cached, and what stays of the machine's settings."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.building import build, built_steps, fresh_tag, image_of, notebook, occurrences, write
from tests.cran import cran_mirror
from tests.real_engines import remove_image

pytestmark = pytest.mark.engine

FILES = {
    "install.R": 'install.packages("polite")\n',
    "runtime.txt": "r-4.5-2024-10-31\n",
    "a.ipynb": notebook("6 * 7", kernel="ir"),
}


def test_an_edited_notebook_rebuilds_nothing_before_the_source(tmp_path: Path) -> None:
    source, tag = write(tmp_path / "repo", FILES), fresh_tag("r-cache")
    try:
        with cran_mirror() as cran:
            assert build(source, tag, R2I_CRAN=cran).returncode == 0
        never_seen = secrets.randbelow(10**9)
        write(source, {"a.ipynb": notebook(f"6 * {never_seen}", kernel="ir")})

        # The mirror is gone, and its address does not count.
        assert built_steps(source, tag) == {"Repository files"}
    finally:
        remove_image("docker", tag)


def test_the_address_of_the_mirror_stays_nowhere(tmp_path: Path) -> None:
    files = {**FILES, "postBuild": "#!/bin/sh\nRscript -e 'remotes::install_cran(\"compiled\")'\n"}
    with cran_mirror() as cran, image_of(write(tmp_path / "repo", files), R2I_CRAN=cran) as image:
        address = cran.removeprefix("http://")

        assert image.answer("Rscript -e 'cat(compiled::answer(), polite::ask())'") == "42 hello, 2.0 please"
        assert occurrences(image.tag, address.encode(), tmp_path) == []
