"""The table of distributions is whole, and read fast."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from r2i.check.facts.distributions import closure, distributions


def test_rows_are_whole() -> None:
    for name, row in distributions().items():
        assert name == canonicalize_name(name)
        assert 0 <= row.python <= row.unpacked
        assert row.packed <= row.unpacked + 1000
        assert name not in row.requires
        assert all(other == canonicalize_name(other) for other in row.requires)
        assert all(part.isidentifier() for module in row.modules for part in module.split("."))


def test_modules_are_those_that_are_imported() -> None:
    rows = distributions()

    assert rows["scikit-learn"].modules == ("sklearn",)
    assert rows["pillow"].modules == ("PIL",)
    assert "google.protobuf" in rows["protobuf"].modules
    assert "yaml" in rows["pyyaml"].modules


def test_the_closure_names_what_is_unknown() -> None:
    found = closure(["scikit-learn", "nobodys-package"])

    assert found.keys() >= {"scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl", "nobodys-package"}
    assert [name for name, row in found.items() if row is None] == ["nobodys-package"]
    assert not {"torch", "tensorflow"} & found.keys()


def test_torch_brings_cuda() -> None:
    found = closure(["torch"])

    assert {"nvidia-cudnn-cu13", "nvidia-cublas"} <= found.keys()
