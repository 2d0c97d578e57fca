# The image of Dagster's web server and of its daemon. Of this project it has the run launcher alone, which
# dagster.yaml names: they ask the code location, which is an image of its own.
#
#   docker build -f docker/dagster.Dockerfile -t repair-dagster .
#
# Never built so far; docs/never_run.md says what is known of it.

FROM python:3.11.14-slim-bookworm

# The daemon's backfills wait for a code location that is away, and go on: else it fails them whole.
ENV DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR=1

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_FILES=/srv/repair/dagster \
    PYTHONPATH=/opt/repair

COPY constraints.txt /src/
RUN pip install -c /src/constraints.txt dagster==1.13.27 dagster-webserver==1.13.27 dagster-postgres==0.29.27

COPY resources/__init__.py resources/run_launcher.py /opt/repair/resources/
COPY dagster.yaml docker/storage.yaml docker/workspace.yaml /opt/dagster/

RUN cat /opt/dagster/storage.yaml >> /opt/dagster/dagster.yaml \
 && useradd --create-home --uid 10001 repair && mkdir -p /srv/repair && chown 10001:10001 /srv/repair
USER 10001:10001
WORKDIR /opt/dagster

# In a container loopback is the container's own: compose publishes the port on the machine's loopback alone.
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/server_info', timeout=5)"]
CMD ["dagster-webserver", "-h", "0.0.0.0", "-p", "3000", "-w", "workspace.yaml"]
