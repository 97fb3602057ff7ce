"""The pictures of the documents, taken of two nights of the demo's town: `make pictures`, or a workspace as argument.

Writes: `tests/pictures/tonight.png`. Refuses: a machine without Chromium or a font for Chinese, a picture that is too large.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.browser import has_browser, open_browser
from tests.support.constants import REPOSITORY

PICTURES = REPOSITORY / "tests" / "pictures"
MOST_BYTES = 200_000
WIDTH = 1280
# The second night has a refused file, and seconds of an earlier run beside its own.
NIGHTS = 2
_NEEDS = "apt-get install chromium chromium-driver fonts-noto-cjk"
# The box that a script fills once the page is shown. A page in a file has no server to ask.
_LATER = re.compile(r"<div data-later=.*?</div>", re.DOTALL)
# The picture ends below the seconds of the stages.
_BOTTOM = "return Math.ceil(document.querySelector('section.two').getBoundingClientRect().bottom) + 16"


def draw_page(name: str, home: Path) -> str:
    """A page of the portal as HTML."""
    command = [sys.executable, "-m", "jobs.portal", name, "--home", str(home)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY).stdout


def draw_tonight(home: Path) -> str:
    """The page *tonight* with its changes in place."""
    changes = draw_page("changes", home)
    return _LATER.sub(lambda _: changes, draw_page("tonight", home))


def take_picture(html: str, target: Path, folder: Path) -> None:
    """Photograph the upper part of a page."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    browser = open_browser(WIDTH, WIDTH)
    try:
        browser.get(page.as_uri())
        height = browser.execute_script(_BOTTOM)
        size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.save_screenshot(str(target))
    finally:
        browser.quit()


def has_chinese_font() -> bool:
    found = subprocess.run(["fc-list", ":lang=zh"], check=False, capture_output=True, text=True)
    return bool(found.stdout.strip())


def main() -> None:
    from tests.support.town import build_town
    from tests.support.town_fixtures import RESIDENTS, SEED

    if not (has_browser() and has_chinese_font()):
        sys.exit(f"Pictures need Chromium and a font for Chinese: {_NEEDS}")
    PICTURES.mkdir(exist_ok=True)
    target = PICTURES / "tonight.png"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = Path(sys.argv[1]) if sys.argv[1:] else build_town(folder / "town", RESIDENTS, SEED, NIGHTS).home
        take_picture(draw_tonight(home), target, folder)
    size = target.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{target} has {size:,} bytes, and {MOST_BYTES:,} are the most; make it smaller")
    print(f"{target}: {size:,} bytes; look at it before you keep it")


if __name__ == "__main__":
    main()
