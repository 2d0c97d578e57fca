# The image of the language servers behind HTTP, for Cloud Run or any other place that runs containers.
#
#   docker build -f docker/language_servers.Dockerfile -t repair-language-servers .
#   docker run -p 8080:8080 -e REPAIR_LANGUAGE_SERVERS_TOKEN=... repair-language-servers
#
# Never built so far: no machine with Docker was at hand. What is known is that what it copies and installs is
# enough: the server starts and answers in an environment that holds nothing else (tests/docker/test_images.py).

FROM python:3.11-slim

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REPAIR_FUNCTION_HOST=0.0.0.0 \
    PORT=8080

# Confines the servers where the platform lets it make namespaces (docs/security.md)
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*

# The core with the extra `function`: no list of modules to keep
COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY repair /src/repair
RUN pip install -c /src/constraints.txt "/src[function]"

RUN useradd --create-home server
USER server
WORKDIR /home/server

# One process with threads (gthread): they share one pool of warm servers
CMD ["gunicorn", "-c", "python:repair.language_servers.serving", "repair.language_servers.function:app()"]
