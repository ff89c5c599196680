# As most people write it: apt, pip, no caches.
FROM docker.io/library/debian:trixie-slim
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl git less python3 python3-venv unzip wget \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /srv/env
ENV PATH=/srv/env/bin:$PATH
COPY requirements.txt /tmp/
RUN --mount=type=secret,id=host,mode=0444 [ ! -f /run/secrets/host ] || . /run/secrets/host; \
    pip install --no-cache-dir jupyterlab notebook jupyterhub ipywidgets -r /tmp/requirements.txt
RUN useradd --create-home --uid 1000 jovyan && chown -R jovyan /srv/env
COPY --chown=1000:1000 . /home/jovyan
USER jovyan
WORKDIR /home/jovyan
CMD ["jupyter-lab", "--ip=0.0.0.0"]
