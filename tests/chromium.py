"""A browser for tests of the live page."""

import os
import shutil

import pytest

NAMES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # containers forbid it
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",  # screenshots are compared with what was sent
)


def find_chromium() -> str:
    """Return the browser's path; skip the test where there is none, or fail it in continuous integration."""
    chosen = os.environ.get("SIMCORE_CHROMIUM")
    for name in [chosen] if chosen else NAMES:
        if found := shutil.which(name):
            return found
    reason = f"there is no {chosen or 'Chromium'}; tests/install_browser.sh installs it, SIMCORE_CHROMIUM names another"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
