# The image of the code location: it serves the assets to Dagster, and its runs are processes in it.
#
#   docker build -f docker/code_location.Dockerfile -t repair-code-location .
#
# With the extra `train` (6 GB) its runs can train and decode as child processes:
#
#   docker build -f docker/code_location.Dockerfile --build-arg EXTRAS=deployment,lm,pipeline,spark,train .
#
# Never built so far; docs/never_run.md says what is known of it.

FROM python:3.11.14-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_FILES=/srv/repair/dagster \
    REPAIR_HOME=/srv/repair

# bubblewrap confines servers and solutions where the platform lets it make namespaces (docs/security.md); git reads
# histories; Java is for Spark's driver
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap git openjdk-17-jre-headless \
 && rm -rf /var/lib/apt/lists/*

ARG EXTRAS=deployment,lm,pipeline,spark
COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY repair /src/repair
COPY partitions /src/partitions
COPY resources /src/resources
COPY repair_assets /src/repair_assets
COPY training_assets /src/training_assets
COPY eval_assets /src/eval_assets
COPY code_location /src/code_location
RUN pip install -c /src/constraints.txt "/src[${EXTRAS}]"

COPY dagster.yaml docker/storage.yaml /opt/dagster/

RUN cat /opt/dagster/storage.yaml >> /opt/dagster/dagster.yaml \
 && useradd --create-home --uid 10001 repair && mkdir -p /srv/repair && chown 10001:10001 /srv/repair
USER 10001:10001
WORKDIR /home/repair

EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s CMD ["dagster", "api", "grpc-health-check", "-p", "4000"]
CMD ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", "4000", "-m", "code_location.definitions", "--location-name", "repair"]
