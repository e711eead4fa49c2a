# syntax=docker/dockerfile:1
# One image for `serve` (the default) and `work`; everything that is kept lies in the volume /data (docs/operate.md).
FROM python:3.11-slim-bookworm AS built
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --all-extras --no-dev --no-cache

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data lapor \
    && install --directory --owner=lapor --group=lapor --mode=0700 /data
WORKDIR /app
COPY --from=built /app/.venv .venv
COPY . .
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data HTTP_LISTEN=0.0.0.0:8080 SMTP_LISTEN=0.0.0.0:8025 SANDBOX=off
USER 10001:10001
VOLUME /data
EXPOSE 8080 8025
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["python", "run_bots.py"]
CMD ["serve"]
