# Three images: `airflow` (also MLflow and every command), `serving` (the read API), `store` (S3); and
# `airflow-kubernetes`, which is `airflow` with the KubernetesExecutor.
# Every base is pinned by tag and digest, every Python package by the hashes of a lock.
#   docker build --target serving .

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3 AS python
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/bullion \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 bullion \
    && useradd --uid 10001 --gid bullion --home-dir /home/bullion --create-home --shell /usr/sbin/nologin bullion
WORKDIR /opt/bullion

FROM python AS build
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir uv==0.13.8 \
    && python -m venv --without-pip /opt/venv
ENV VIRTUAL_ENV=/opt/venv UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1

FROM build AS build-airflow
COPY requirements.txt ./
RUN /opt/uv/bin/uv pip sync --quiet --require-hashes requirements.txt
# Editable, so that the code finds what lies beside it; the command `bullion` comes with it.
COPY pyproject.toml README.md ./
COPY pipelines/__init__.py pipelines/
COPY serving/__init__.py serving/
RUN /opt/uv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .

FROM build-airflow AS build-airflow-kubernetes
COPY requirements-kubernetes.txt ./
RUN /opt/uv/bin/uv pip sync --quiet --require-hashes requirements.txt requirements-kubernetes.txt \
    && /opt/uv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .

FROM build AS build-serving
COPY requirements-serving.txt ./
RUN /opt/uv/bin/uv pip sync --quiet --require-hashes requirements-serving.txt

FROM python AS airflow
# OpenMP, which LightGBM's wheel does not carry.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
# Named volumes take the owner of the folder they are mounted on.
RUN mkdir -p /opt/airflow/logs data_lake prices state release \
    && chown -R bullion:bullion /opt/airflow data_lake prices state release
COPY --from=build-airflow /opt/venv /opt/venv
COPY pyproject.toml README.md ./
COPY pipelines pipelines
COPY serving serving
COPY dashboard dashboard
COPY plugins plugins
COPY dags dags
COPY include include
ENV AIRFLOW_HOME=/opt/airflow
USER bullion
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=5 \
    CMD ["python", "-m", "include.deploy.health", "http://127.0.0.1:8080/api/v2/monitor/health"]
CMD ["airflow", "api-server"]

FROM airflow AS airflow-kubernetes
COPY --from=build-airflow-kubernetes /opt/venv /opt/venv

FROM python AS serving
RUN mkdir -p data_lake prices release && chown bullion:bullion data_lake prices release
COPY --from=build-serving /opt/venv /opt/venv
COPY pipelines pipelines
COPY serving serving
COPY include/universes include/universes
COPY include/topics include/topics
COPY include/deploy/health.py include/deploy/
USER bullion
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=5 \
    CMD ["python", "-m", "include.deploy.health", "http://127.0.0.1:8000/health"]
CMD ["python", "-m", "serving"]

FROM versity/versitygw:v1.8.0@sha256:30292fc2eeacc67a36993b01f7a7a5e3361a19cced0e80c1d71cfa2a4b0a2499 AS store
USER root
RUN mkdir -p /data/objects /data/metadata && chown -R 10001:10001 /data
USER 10001:10001
EXPOSE 7070
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=5 \
    CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:7070/health"]
ENV VGW_HEALTH=/health VGW_META_SIDECAR=/data/metadata
CMD ["posix", "/data/objects"]
