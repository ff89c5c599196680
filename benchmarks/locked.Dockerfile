# uv sync as people write it who know Docker: cache mounts, one layer for what is locked, bytecode compiled.
FROM docker.io/library/debian:trixie-slim
RUN --mount=type=secret,id=host \
    [ ! -f /run/secrets/host ] || . /run/secrets/host; \
    apt-get update -q \
 && apt-get install -yq --no-install-recommends ca-certificates python3 python3-venv \
 && python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install -q uv
RUN --mount=type=secret,id=host \
    --mount=type=cache,id=r2i-uv,target=/var/cache/uv \
    --mount=type=bind,source=uv.lock,target=/src/uv.lock \
    --mount=type=bind,source=pyproject.toml,target=/src/pyproject.toml \
    [ ! -f /run/secrets/host ] || . /run/secrets/host; \
    cd /src \
 && UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PROJECT_ENVIRONMENT=/srv/env \
    /opt/uv/bin/uv sync --frozen --no-install-project --python /usr/bin/python3
