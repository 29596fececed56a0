# A release gives the digest as well: python:3.13-slim@sha256:…
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements/build.txt requirements/image.txt requirements/
# Two environments: the one that installs holds pip and the build backend, the one that is shipped holds neither.
RUN python3 -m venv /installer \
 && python3 -m venv --without-pip /opt/nomad-token \
 && /installer/bin/pip install --require-hashes --no-deps -r requirements/build.txt \
 && /installer/bin/pip --python /opt/nomad-token/bin/python install --require-hashes --no-deps --no-compile \
      -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY src/nomad_token src/nomad_token
RUN /installer/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /installer/bin/pip --python /opt/nomad-token/bin/python install --no-index --no-deps --no-compile \
      --find-links /wheel nomad-token

# What the base image has no byte code of can be seen where nothing has run yet.
FROM ${PYTHON_IMAGE} AS layers
COPY --from=build /opt/nomad-token /opt/nomad-token
COPY release/layers.py /
RUN ["/opt/nomad-token/bin/python", "-I", "-B", "/layers.py"]

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="nomad-token" \
      org.opencontainers.image.description="A Nomad ACL token that lives as long as the CI job" \
      org.opencontainers.image.licenses="Apache-2.0"
# A layer for what others make, and one for what changes with each version.
COPY --from=layers /layers/packages/ /
COPY --from=layers /layers/program/ /
ENTRYPOINT ["/opt/nomad-token/bin/nomad-token"]
