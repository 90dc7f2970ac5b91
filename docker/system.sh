#!/bin/sh
# Layer 2: what the system must have: a font with Chinese characters for the images in answers, and a user without rights.
# Needs Debian and root.
set -eu
apt-get update -qq
apt-get install -y -qq --no-install-recommends fonts-wqy-microhei
rm -rf /var/lib/apt/lists/*
useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sealkit
