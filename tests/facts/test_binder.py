"""The tables of repo2docker agree with one another."""

from __future__ import annotations

from r2i.facts.binder import environments, julia_releases, table
from r2i.facts.julia import release_number
from r2i.facts.tables import read_table


def test_there_is_an_environment_for_each_python_that_is_chosen() -> None:
    python = table()["python"]

    assert {
        python["default"],
        python["default_2"],
        python["server_since"],
        *python["supported"],
    } <= environments().keys()
    for version, row in environments().items():
        assert row["exact"].startswith(f"{version}.")
    assert {"jupyterlab", "notebook"} <= environments()[python["default"]]["parts"].keys()


def test_the_default_r_is_one_of_the_table() -> None:
    r = table()["r"]

    assert r["default"] in r["versions"].values()
    assert all(version.startswith(f"{minor}.") for minor, version in r["versions"].items())


def test_the_releases_of_julia_are_in_order() -> None:
    found = [release_number(version) for version in julia_releases()]

    assert found == sorted(found)
    assert found[0] < (1, 0, 0) < found[-1]


def test_the_modules_of_binder_are_of_the_same_release() -> None:
    assert read_table("r2i.facts", "binder_modules.toml")["release"] == table()["version"]
