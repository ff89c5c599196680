"""What a cell installs whenever it runs, and with what."""

from __future__ import annotations

import pytest

from r2i.check.code.cell_installs import Install, installs
from r2i.check.code.python_code import facts_of_cell


def commands(source: str) -> list[Install]:
    return list(installs(source, facts_of_cell(source)))


@pytest.mark.parametrize(
    ("source", "wanted", "others"),
    [
        ("%pip install -q numpy 'pandas>=2,<3'", ("numpy", "pandas>=2,<3"), ()),
        ("!pip3 install --upgrade numpy > /dev/null 2>&1", ("numpy",), ()),
        ("!{sys.executable} -m pip install numpy  # for later", ("numpy",), ()),
        ("!pip install -r more.txt -i https://index.example/simple six", ("six",), ("more.txt",)),
        ("!pip install git+https://github.com/a/b", (), ("git+https://github.com/a/b",)),
        ("!conda install -y -c conda-forge numpy=1.26", ("numpy=1.26",), ()),
        ("%%bash\ncd x\napt-get -y install ffmpeg", ("ffmpeg",), ()),
        ("!pip install waves-1.0.zip numpy=={version}", (), ("waves-1.0.zip", "numpy=={version}")),
        ("!pip install torch --index-url https://index.example/cpu", ("torch",), ()),
    ],
)
def test_what_a_cell_installs(source: str, wanted: tuple[str, ...], others: tuple[str, ...]) -> None:
    (command,) = commands(source)

    assert (command.wanted, command.others) == (wanted, others)


@pytest.mark.parametrize(
    "source",
    [
        "if colab:\n    !pip install numpy",
        "'!pip install numpy'",
        "!pip list",
        "# !pip install numpy",
        "!echo pip install x",
    ],
)
def test_what_installs_nothing(source: str) -> None:
    assert commands(source) == []
