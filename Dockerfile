# SPDX-License-Identifier: Apache-2.0
# The exporter, the libraries it needs, and nothing else to run. docs/container.md says how to use it.
#
#   docker build -t ephemera .
#   docker build --target test .                    the unit tests, with sanitizers
#   docker buildx build --platform linux/arm64 .    cross-compiled, so nothing is emulated

# The tag gets Debian's fixes. A release names a digest instead (docs/container.md):
#   --build-arg=BASE=docker.io/library/debian@sha256:...
ARG BASE=docker.io/library/debian:bookworm-slim

# Runs on the architecture of the building machine, also for an image of another one.
FROM --platform=$BUILDPLATFORM ${BASE} AS compiler
ARG TARGETARCH
WORKDIR /source
# Before the sources, so a change of these fetches no packages again.
COPY deploy/lib deploy/lib
COPY deploy/container deploy/container
RUN deploy/container/install-packages "$TARGETARCH"

FROM compiler AS build
ARG TARGETARCH
COPY . .
RUN deploy/container/build "$TARGETARCH"
RUN deploy/container/assemble "$TARGETARCH" build/container/ephemera /image

# Not part of the image: docker build --target test.
FROM compiler AS test
COPY . .
RUN deploy/container/test

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="ephemera" \
      org.opencontainers.image.description="Prometheus exporter for ephemeral ports" \
      org.opencontainers.image.url="https://github.com/ephemera-exporter/ephemera" \
      org.opencontainers.image.source="https://github.com/ephemera-exporter/ephemera" \
      org.opencontainers.image.documentation="https://github.com/ephemera-exporter/ephemera/blob/main/docs/container.md" \
      org.opencontainers.image.vendor="The Ephemera authors" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="scratch" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /image /
# By number: Kubernetes' runAsNonRoot cannot tell what a name stands for.
USER 65532:65532
EXPOSE 10059
# There is no shell. Process 1 is the exporter, and its flags say where it listens.
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 \
	CMD ["/usr/bin/ephemera", "healthcheck", "--process=1"]
ENTRYPOINT ["/usr/bin/ephemera"]
