# The image of the language servers behind HTTP, for Cloud Run or any other place that runs containers.
#
#   docker build -f docker/language_servers.Dockerfile -t repair-language-servers .
#   docker run -p 8080:8080 -e REPAIR_LANGUAGE_SERVERS_TOKEN=... repair-language-servers
#
# Never built so far: no machine with Docker was at hand. What is known is that the files below start and answer
# on their own (tests/repair/language_servers/test_serving.py), with the packages of constraints.txt.

FROM python:3.11-slim

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    REPAIR_SERVE_HOST=0.0.0.0 \
    PORT=8080

# The extra `serve` and the two servers; the rest of the project's dependencies are not needed here
COPY constraints.txt /tmp/constraints.txt
RUN pip install -c /tmp/constraints.txt functions-framework gunicorn "pyright[nodejs]" ruff

COPY repair/__init__.py repair/errors.py repair/ordered_map.py repair/sqlite.py repair/diagnostics/codes.py /app/repair/
COPY repair/language_servers /app/repair/language_servers

RUN useradd --create-home server
USER server
WORKDIR /home/server

# One process with threads (gthread): they share one pool of warm servers
CMD ["gunicorn", "-c", "python:repair.language_servers.serving", "repair.language_servers.function:app()"]
