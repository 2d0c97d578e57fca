# The image of a GPU node: training and decoding as a Kubernetes job, started through Dagster Pipes.
#
#   docker build -f docker/train.Dockerfile -t repair-train .
#
# Never built or run so far: no machine with Docker and a GPU was at hand. What is known is that what it copies
# and installs is enough to import the programs (tests/docker/test_images.py), and that the pinned packages
# train on a CPU. That this base has Python 3.11, and that flash-attn builds against its torch, is not.

# torch is part of the base image, so that flash-attn is compiled against the very torch that runs it
FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-devel

ENV PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    HF_HOME=/models

COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY repair /src/repair
COPY code_location /src/code_location
RUN pip install -c /src/constraints.txt "/src[train]" gcsfs \
 && python -c "import torch; assert torch.__version__.startswith('2.7.0') and torch.version.cuda, torch.__version__"

# Hopper and Ampere; the build takes long and much memory: MAX_JOBS bounds it
ARG MAX_JOBS=4
ENV TORCH_CUDA_ARCH_LIST="8.0;9.0"
RUN pip install -c /src/constraints.txt packaging ninja==1.13.0 \
 && MAX_JOBS=${MAX_JOBS} pip install --no-build-isolation "flash-attn>=2.7,<3"

RUN useradd --create-home --uid 10001 trainer && mkdir -p /models && chown trainer /models
USER 10001:10001

# It runs once and ends: there is nothing to ask for its health.
HEALTHCHECK NONE

# NCCL exchanges through shared memory: give the pod an emptyDir of medium Memory at /dev/shm.
# The extras of Pipes come by environment; by hand, add --recipe, --mixture and --out.
ENTRYPOINT ["composer", "-n", "8", "-m"]
CMD ["code_location.train_main"]
