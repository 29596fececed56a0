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
# -I: no PYTHON* variable and no module of the working directory, which earlier steps can choose, runs in ours.
# The byte code is unchecked: nothing in the image changes, so nothing is compared at start.
RUN /installer/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /installer/bin/pip --python /opt/nomad-token/bin/python install --no-index --no-deps --no-compile /wheel/*.whl \
 && sed -i '1s/$/ -I/' /opt/nomad-token/bin/nomad-token* \
 && find /opt/nomad-token/bin ! -type d ! -name 'nomad-token*' ! -name 'python*' -delete \
 && rm -r /opt/nomad-token/lib/python*/site-packages/pydantic/v1 /opt/nomad-token/lib/python*/site-packages/tests \
 && /opt/nomad-token/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/nomad-token/lib

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="nomad-token" \
      org.opencontainers.image.description="A Nomad ACL token that lives as long as the CI job" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/nomad-token /opt/nomad-token
# The official image holds no byte code of the standard library: what the two steps import is compiled here, once.
RUN ["/opt/nomad-token/bin/python", "-I", "-c", "import encodings.idna, ssl, httpcore, nomad_token.__main__, nomad_token.order, nomad_token.mint, nomad_token.post"]
ENTRYPOINT ["/opt/nomad-token/bin/nomad-token"]
