"""The browser of the tests of the live page."""

from collections.abc import Iterator
from typing import Any

import pytest

from chromium import FLAGS, find_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        yield browser
        browser.close()
