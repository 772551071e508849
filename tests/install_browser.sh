#!/usr/bin/env bash
# Installs Debian's Chromium, which the tests of the live page drive, where there is none and this user may install it.
set -uo pipefail
for name in "${SIMCORE_CHROMIUM:-}" chromium chromium-browser google-chrome; do
  if [ -n "$name" ] && command -v "$name" > /dev/null; then
    exit 0
  fi
done
root=()
if [ "$(id -u)" -ne 0 ]; then
  root=(sudo -n)
fi
"${root[@]}" apt-get update -qq && "${root[@]}" apt-get install -y -qq --no-install-recommends chromium > /dev/null ||
  echo "Chromium could not be installed: without it the tests of the live page are skipped, and fail in CI." \
    "Install it (sudo apt-get install chromium), or name a browser by SIMCORE_CHROMIUM." >&2
