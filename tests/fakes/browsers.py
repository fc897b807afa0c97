"""A real browser without a screen, where this machine has one.

A folder's conftest, or a file, imports the fixtures. They last for a file of tests, no longer:
while the browser's driver runs, no test of the same thread can run an event loop of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium on this machine")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as playwright:
        # the profile is a new and empty folder, which playwright makes and deletes
        browser = playwright.chromium.launch(executable_path=found, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator:
    """A page of its own; a fault in its scripts, or one that it complains of, fails the test."""
    context = browser.new_context(viewport={"width": 1000, "height": 800}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(15_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda one: faults.append(one.text) if "Policy" in one.text else None)
    yield page
    context.close()
    assert not faults
