# One image for every process of gputail: its entry point is `gputail`, and a verb says which one runs.
# The targets broker, streamer, collector and api are the same image with the verb already chosen.
# What it is and how it is run: docs/containers.md.

ARG PYTHON_IMAGE=python:3.12-slim

# --- build: an environment with the product and what it needs, and nothing else ------------------

FROM ${PYTHON_IMAGE} AS build

# Another package index, where the default one is out of reach; pip reads the variable itself.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
RUN ["python", "-m", "venv", "--without-pip", "/opt/gputail"]

# Before the sources, so that a change of those installs nothing of this again.
COPY pyproject.toml image/requirements.py ./
RUN python requirements.py build > build.txt \
    && python requirements.py run > run.txt \
    && python -m pip install --quiet --requirement build.txt \
    && python -m pip --python /opt/gputail/bin/python install --quiet --no-compile --requirement run.txt

COPY image/trim.py image/bytecode.py ./image/
RUN ["python", "image/trim.py", "/opt/gputail"]

COPY README.md LICENSE ./
COPY eventlog ./eventlog
COPY gputail ./gputail
COPY ingest ./ingest
COPY query ./query
RUN python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m pip --python /opt/gputail/bin/python install --quiet --no-compile --no-deps dist/*.whl \
    && cp image/bytecode.py /opt/gputail/ \
    && mkdir /data

# --- gputail: the image of every process ---------------------------------------------------------

FROM ${PYTHON_IMAGE} AS runtime

COPY --from=build /opt/gputail /opt/gputail
ENV PATH=/opt/gputail/bin:$PATH

# The user has a name, for libraries ask for it. Compiled here, as nothing can be at run time: the user owns
# none of these files, and the root file system may be read-only.
RUN echo 'gputail:x:10001:' >> /etc/group \
    && echo 'gputail:x:10001:10001:gputail:/data:/usr/sbin/nologin' >> /etc/passwd \
    && python /opt/gputail/bytecode.py

COPY --from=build --chown=10001:10001 /data /data
VOLUME /data
WORKDIR /data

# A container is reached from outside or not at all; which of its ports are, whoever runs it decides.
ENV GPUTAIL_ADMIN_LISTEN=0.0.0.0:9644 \
    GPUTAIL_DATA_DIR=/data \
    OPENBLAS_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1

LABEL org.opencontainers.image.title="gputail" \
      org.opencontainers.image.description="Durable, replayable telemetry log for GPU fleets" \
      org.opencontainers.image.licenses="Apache-2.0"

USER 10001:10001
EXPOSE 8080 9092 9644
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["gputail", "health"]
ENTRYPOINT ["gputail"]

# --- the same, with the verb chosen --------------------------------------------------------------

FROM runtime AS broker
CMD ["broker"]

FROM runtime AS streamer
CMD ["stream"]

FROM runtime AS collector
CMD ["collect"]

FROM runtime AS api
CMD ["serve"]

# --- what is built where no target is named ------------------------------------------------------

FROM runtime AS gputail
CMD ["--help"]
