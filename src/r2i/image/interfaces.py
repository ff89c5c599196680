"""The layers of web interfaces beside Jupyter, which its server proxies: whoever reaches them has its token."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from r2i.facts.r import r_facts, rstudio_build
from r2i.model import BaseImage, Interface, Layer, Stage

#: What the server proxies beside Jupyter, and the distributions that it needs to do so.
INTERFACES = MappingProxyType({"rstudio": "RStudio", "shiny": "Shiny"})
PROXIES = MappingProxyType({"rstudio": "jupyter-rsession-proxy", "shiny": "jupyter-server-proxy"})


def interface_layers(base: BaseImage, asked: tuple[Interface, ...], *, split: bool) -> Iterator[Layer]:
    """What the server proxies beside Jupyter, and in a server of its own what it does so with."""
    if asked and split:
        locks = ("proxy.lock", *(["rstudio.lock"] if any(one.name == "rstudio" for one in asked) else []))
        yield Layer(
            buildpack="image",
            stage=Stage.JUPYTER,
            title=f"Jupyter server proxy, for {' and '.join(INTERFACES[one.name] for one in asked)}",
            template="server_proxy",
            variables={"locks": locks},
            evidence=tuple(one.evidence for one in asked),
            resources=tuple(f"jupyter/{lock}" for lock in locks),
        )
    for one in asked:
        yield _rstudio(base, one) if one.name == "rstudio" else _shiny(one)


def _rstudio(base: BaseImage, asked: Interface) -> Layer:
    build, server = rstudio_build(base), r_facts()["rstudio"]["server"]
    return Layer(
        buildpack="image",
        stage=Stage.LANGUAGE,
        title=f"RStudio Server {build.version}, downloaded from {server.removeprefix('https://')}",
        template="rstudio",
        variables={"server": server, "path": build.path, "sha256": build.sha256, "asked": asked.asked},
        evidence=(asked.evidence,),
    )


def _shiny(asked: Interface) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.LANGUAGE,
        title=f"Shiny apps{': ' if asked.packages else ''}{', '.join(asked.packages)}",
        template="shiny",
        variables={"packages": asked.packages},
        evidence=(asked.evidence,),
        resources=("programs/shiny_app.R", "programs/shiny_servers.py"),
    )
