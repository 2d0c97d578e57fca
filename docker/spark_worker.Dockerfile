# The image of a Spark executor (docs/spark.md): the packages that stages need. The stages themselves are shipped by
# the run.
#
#   docker build -f docker/spark_worker.Dockerfile -t repair-spark-worker .
#
# Never built so far; docs/never_run.md says what is known of it.

FROM python:3.11.14-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYSPARK_PYTHON=python3.11

RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap openjdk-17-jre-headless procps \
 && rm -rf /var/lib/apt/lists/*

COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY repair /src/repair
RUN pip install -c /src/constraints.txt "/src[pipeline,postgres,spark]"

RUN useradd --create-home --uid 10001 spark && mkdir -p /srv/repair && chown 10001:10001 /srv/repair
USER 10001:10001
WORKDIR /home/spark

EXPOSE 8081
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8081', timeout=5)"]
CMD ["spark-class", "org.apache.spark.deploy.worker.Worker", "--work-dir", "/tmp/spark", "spark://spark_master:7077"]
