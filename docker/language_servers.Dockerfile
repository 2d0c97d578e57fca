# The image of the language servers behind HTTP, for Cloud Run or any other place that runs containers.
#
#   docker build -f docker/language_servers.Dockerfile -t repair-language-servers .
#   docker run -p 127.0.0.1:8080:8080 -e REPAIR_LANGUAGE_SERVERS_TOKEN repair-language-servers
#
# Never built so far; docs/never_run.md says what is known of it.

FROM python:3.11.14-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REPAIR_FUNCTION_HOST=0.0.0.0 \
    PORT=8080

# Confines the servers where the platform lets it make namespaces (docs/security.md)
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*

# The core with the extra `function`, and the driver of a cache that instances share: no list of modules to keep
COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY repair /src/repair
RUN pip install -c /src/constraints.txt "/src[function,postgres]" \
 && useradd --create-home --uid 10001 server
USER 10001:10001
WORKDIR /home/server

EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=5)"]
# One process with threads (gthread): they share one pool of warm servers
CMD ["gunicorn", "-c", "python:repair.language_servers.serving", "repair.language_servers.function:app()"]
