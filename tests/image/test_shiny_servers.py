"""What the Jupyter server finds of Shiny apps when it starts."""

from __future__ import annotations

from pathlib import Path

from shiny_servers import APP, DEEPEST, apps, servers


def app(top: Path, directory: str, name: str = "app.R") -> None:
    (top / directory).mkdir(parents=True, exist_ok=True)
    (top / directory / name).write_text("")


def test_apps_are_found_below_the_repository_and_not_in_libraries(tmp_path: Path) -> None:
    for directory in ("one", "two/three", "renv/library/shiny", ".hidden", "/".join("d" * (DEEPEST + 1))):
        app(tmp_path, directory)
    app(tmp_path, "halves", "Server.r")
    app(tmp_path, "other", "ui.R")

    assert apps(tmp_path) == ["halves", "one", "two/three"]


def test_the_longer_of_two_paths_is_asked_first(tmp_path: Path) -> None:
    for directory in ("a", "a/b", "ab"):
        app(tmp_path, directory)

    assert list(servers(tmp_path)) == ["shiny/a/b", "shiny/ab", "shiny/a", "shiny"]


def test_without_an_app_in_the_root_there_are_links(tmp_path: Path) -> None:
    app(tmp_path, "dice")
    links = servers(tmp_path)["shiny"]["command"]
    app(tmp_path, "")

    assert links == ["Rscript", APP, "{unix_socket}", str(tmp_path), "dice"]
    assert servers(tmp_path)["shiny"]["command"] == ["Rscript", APP, "{unix_socket}", str(tmp_path)]


def test_names_are_quoted_for_addresses_and_for_the_proxy(tmp_path: Path) -> None:
    app(tmp_path, "my {app}")
    made = servers(tmp_path)["shiny/my%20%7Bapp%7D"]

    assert made["command"] == ["Rscript", APP, "{unix_socket}", f"{tmp_path}/my {{{{app}}}}"]
    assert made["unix_socket"] is True
