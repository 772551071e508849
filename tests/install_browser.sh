#!/usr/bin/env bash
# Installs Debian's Chromium, which the tests of the live page drive, where there is none and this user may.
set -euo pipefail
for name in "${SIMCORE_CHROMIUM:-}" chromium chromium-browser google-chrome; do
  if [ -n "$name" ] && command -v "$name" > /dev/null; then
    exit 0
  fi
done
if ! command -v apt-get > /dev/null; then
  echo "There is no Chromium, and no apt-get to install it: the tests of the live page want one; SIMCORE_CHROMIUM names it." >&2
elif [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium > /dev/null
elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
  sudo -n apt-get update -qq && sudo -n apt-get install -y -qq --no-install-recommends chromium > /dev/null
else
  echo "There is no Chromium: the tests of the live page want one; install it by: sudo apt-get install chromium" >&2
fi
