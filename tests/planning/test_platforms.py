"""Plans for a machine of another kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError, UsageError
from r2i.model import Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.platforms import check_platforms

FIXTURES = Path("tests/fixtures/repos")


def plan(name: str, **options: object) -> Plan:
    return make_plan(Checkout.open(FIXTURES / name / "repo"), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["requirements", "julia-runtime", "r-rstudio", "conda"])
def test_plan_is_for_both_kinds_of_machine(name: str) -> None:
    check_platforms(plan(name), ("linux/amd64", "linux/arm64"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("conda-lock-explicit", {}, "The lock has no packages for `linux/arm64` (`linux-aarch64`)"),
        ("r-rstudio", {"rstudio": True}, "RStudio Server is not made for `linux/arm64`"),
    ],
)
def test_what_is_made_for_one_kind_is_refused_for_the_other(
    name: str, options: dict[str, object], message: str
) -> None:
    made = plan(name, **options)
    check_platforms(made, ("linux/amd64",))
    with pytest.raises(InvalidRepositoryError) as raised:
        check_platforms(made, ("linux/amd64", "linux/arm64"))

    assert raised.value.message == message
    assert raised.value.hint


def test_rstudio_that_repo2docker_would_add_is_left_out_of_the_other_kind() -> None:
    made = plan("r-rstudio", rstudio=True, as_repo2docker=True)

    (layer,) = (layer for layer in made.layers if layer.template == "rstudio")
    assert layer.variables["asked"] is False  # the step says that it is left out, and goes on
    check_platforms(made, ("linux/amd64", "linux/arm64"))


def test_old_julia_is_for_one_kind_of_machine(tmp_path: Path) -> None:
    (tmp_path / "Project.toml").write_text("[deps]\n")
    (tmp_path / "runtime.txt").write_text("julia-1.0.2\n")
    made = make_plan(Checkout.open(tmp_path), Options())
    with pytest.raises(R2iError, match="was not built for `linux/arm64`") as raised:
        check_platforms(made, ("linux/arm64",))

    assert raised.value.file == "runtime.txt"


def test_only_an_own_dockerfile_may_be_for_any_platform() -> None:
    check_platforms(plan("dockerfile"), ("linux/riscv64",))
    with pytest.raises(UsageError, match="r2i makes no images for `linux/riscv64`"):
        check_platforms(plan("requirements"), ("linux/riscv64",))
