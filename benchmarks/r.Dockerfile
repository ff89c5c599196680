# R as people write it who know Docker: cache mounts, one environment for Jupyter, all packages in one layer.
FROM docker.io/library/debian:trixie-slim AS system
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN --mount=type=cache,id=expert-apt,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=expert-lists,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
 && apt-get update -q && apt-get install -yq --no-install-recommends ca-certificates curl git less python3 python3-venv unzip wget

FROM system AS uv
RUN --mount=type=secret,id=host,mode=0444 [ ! -f /run/secrets/host ] || . /run/secrets/host; \
    python3 -m venv /opt/uv && /opt/uv/bin/pip install -q --no-cache-dir uv

FROM system
RUN useradd --create-home --uid 1000 jovyan
ENV PATH=/srv/env/bin:$PATH VIRTUAL_ENV=/srv/env
RUN --mount=type=secret,id=host,mode=0444 \
    --mount=type=bind,from=uv,source=/opt/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,id=expert-uv,target=/root/.cache/uv \
    [ ! -f /run/secrets/host ] || . /run/secrets/host; \
    export UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
 && uv venv -q --python /usr/bin/python3 /srv/env \
 && uv pip install pip jupyterlab notebook jupyterhub ipywidgets \
 && chown -R jovyan /srv/env
RUN --mount=type=cache,id=expert-apt,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=expert-lists,target=/var/lib/apt/lists,sharing=locked \
    apt-get update -q && apt-get install -yq --no-install-recommends r-base-core r-base-dev r-cran-irkernel \
 && Rscript -e 'IRkernel::installspec(user = FALSE)' \
 && chown jovyan /usr/local/lib/R/site-library
USER jovyan
WORKDIR /tmp
RUN --mount=type=secret,id=host,mode=0444 \
    --mount=type=bind,source=install.R,target=/tmp/install.R \
    . /run/secrets/host \
 && Rscript -e 'options(repos = paste0(Sys.getenv("R2I_CRAN"), "/2024-10-31"), Ncpus = parallel::detectCores()); source("install.R")'
COPY --chown=1000:1000 . /home/jovyan
WORKDIR /home/jovyan
CMD ["jupyter-lab", "--ip=0.0.0.0"]
