# syntax=docker/dockerfile:1
# One image, three roles: `aware up --no-demo --no-worker`, `aware worker`, `aware up --no-web --no-worker`.
#   docker build -t aware-net .                                     CPU (default)
#   docker build -t aware-net --build-arg DEVICE=auto .             uses a GPU where the container gets one
#   docker build -t aware-net --build-arg TORCH_INDEX=<index URL> . smaller CPU-only torch from an index of yours
FROM python:3.11-slim AS build
ARG TORCH_INDEX=""
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /src
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir "uv>=0.8"
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY core core
COPY jobs jobs
COPY app app
COPY pages pages
COPY assets assets
COPY .streamlit .streamlit
RUN if [ -n "$TORCH_INDEX" ]; then \
      /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-cache --index-url "$TORCH_INDEX" torch torchvision \
      && grep -vE '^(torch|torchvision|triton|nvidia-.*)==' constraints.txt > pins.txt; \
    else cp constraints.txt pins.txt; fi \
 && /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-cache -c pins.txt -e '.[postgres]' \
 && /opt/venv/bin/uv pip install --python /opt/venv/bin/python --no-cache -c pins.txt --no-deps facenet-pytorch

FROM python:3.11-slim
ARG DEVICE=cpu
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AWARE_HOME=/data \
    AWARE_HOST=0.0.0.0 \
    AWARE_DEVICE=$DEVICE \
    OMP_NUM_THREADS=1 \
    OMP_WAIT_POLICY=PASSIVE \
    GRADIO_ANALYTICS_ENABLED=False
RUN useradd --create-home --uid 10001 aware && mkdir /data && chown aware /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /src /src
USER 10001
WORKDIR /src
VOLUME /data
EXPOSE 8501 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["aware", "up"]
