# The service on a CPU: page and API on port 8080, shipped models inside, no right needed. docs/docker.md has the rest.
#   docker build -t sealkit . && docker run --rm -p 127.0.0.1:8080:8080 sealkit
# Every RUN is one script of docker/, so that it runs and is tested without Docker.
FROM python:3.11.11-slim-bookworm AS build
COPY . /src
RUN sh /src/docker/install.sh /opt/sealkit /src

FROM python:3.11.11-slim-bookworm
COPY docker/system.sh docker/check.sh docker/healthcheck.py /opt/docker/
RUN sh /opt/docker/system.sh
COPY --from=build /opt/sealkit /opt/sealkit
ENV PATH=/opt/sealkit/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1
USER 10001:10001
RUN sh /opt/docker/check.sh /opt/sealkit
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "/opt/docker/healthcheck.py"]
ENTRYPOINT ["sealkit"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
