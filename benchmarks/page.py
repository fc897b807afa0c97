r"""How long the server's page takes from a click to the first highlight, and what axe-core says.

    python benchmarks/page.py --student work/students/int8 \
        --axe /tmp/axe/node_modules/axe-core/axe.min.js

Starts `decoct serve` and a headless Chromium on this machine. A time is from the click on "Try an
example" to the frame in which the first highlight is painted, as the page's own clock has it; the
first click is on a page just opened, with a student that has read nothing yet. axe-core looks at
the page before and after, light and dark, wide and narrow; it comes from npm and is not part of
decoct.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
# from the click, in the capturing phase, to the frame after the one that draws the first highlight
WATCH = """() => {
  let from = 0;
  window.painted = new Promise((done) => {
    addEventListener("click", () => { from = performance.now(); }, { capture: true, once: true });
    new MutationObserver((_, observer) => {
      if (!from || !document.querySelector(".picture-layer rect")) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - from)));
    }).observe(document.body, { childList: true, subtree: true });
  });
}"""


def main() -> None:
    """Measure, let axe-core look, print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--axe", type=Path, help="axe.min.js; without it nothing is checked")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--repeat", type=int, default=10)
    arguments = parser.parse_args()
    with serving(arguments.student) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=FLAGS)
        times = [time_first_highlight(browser, address) for _ in range(arguments.repeat + 1)]
        first, *others = times
        print(f"first highlight, first click of all: {first:.0f} ms")
        print(
            f"later, each on a page just opened: median {statistics.median(others):.0f} ms, "
            f"{min(others):.0f} to {max(others):.0f} ms ({len(others)} clicks)"
        )
        if arguments.axe:
            check(browser, address, arguments.axe.read_text(encoding="utf-8"))
        browser.close()


@contextmanager
def serving(student: Path) -> Iterator[str]:
    """Run a server for a while; its address is what it says first on standard error."""
    command = [_decoct(), "serve", "--student", str(student), "--port", "0", "--quiet"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:[0-9]+", line):
                break
        else:
            raise SystemExit("the server did not start")
        yield found[0]
    finally:
        server.terminate()
        server.communicate(timeout=60)


def time_first_highlight(browser: Browser, address: str) -> float:
    """Return the milliseconds between the click on the example and the first highlight."""
    page = _open(browser, address)
    page.evaluate(WATCH)
    page.click("#example")
    taken = float(page.evaluate("window.painted"))
    page.close()
    return taken


def check(browser: Browser, address: str, axe: str) -> None:
    """Print what axe-core finds, and what it could not decide."""
    for scheme in ("light", "dark"):
        for width in (1280, 360):
            page = _open(browser, address, scheme, width)
            _run_axe(page, axe, f"{scheme}, {width} px, before")
            page.click("#example")
            page.locator(".picture-layer rect").first.wait_for()
            _run_axe(page, axe, f"{scheme}, {width} px, after")
            page.close()


def _run_axe(page: Page, axe: str, when: str) -> None:
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    violations = [f"{one['id']} ({len(one['nodes'])})" for one in found["violations"]]
    undecided = [f"{one['id']} ({len(one['nodes'])})" for one in found["incomplete"]]
    version = found["testEngine"]["version"]
    print(
        f"axe-core {version}, {when}: {len(found['passes'])} rules passed, "
        f"violations: {', '.join(violations) or 'none'}; "
        f"undecided: {', '.join(undecided) or 'none'}"
    )


def _open(browser: Browser, address: str, scheme: str = "light", width: int = 1280) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.goto(address)
    page.locator("input[name=way]").first.wait_for()
    return page


def _decoct() -> str:
    return str(Path(sys.executable).with_name("decoct"))


if __name__ == "__main__":
    main()
