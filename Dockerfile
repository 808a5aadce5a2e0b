# One image for every process; docker-compose.yml says which command each runs.
FROM python:3.13-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install -r requirements.txt

FROM python:3.13-slim
LABEL org.opencontainers.image.title="alerting" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 \
    ALERTING_HOME=/var/lib/alerting ALERTING_BIND=0.0.0.0
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/alerting alerting \
    && install -d -o alerting -g alerting -m 700 /var/lib/alerting
COPY --from=packages /venv /venv
WORKDIR /srv/alerting
COPY . .
USER alerting
VOLUME /var/lib/alerting
EXPOSE 8000 8501 5555
# Holds for the command below; the other processes have their own check in docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/monitoring/live', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["gunicorn", "app.web:create_app()"]
