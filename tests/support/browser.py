"""Chromium without a window, for tests that look at pages and for the pictures of the documents.

Needs: `apt-get install chromium chromium-driver`, and `fonts-noto-cjk` so that Chinese text has glyphs.
"""

import shutil

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

LAPTOP = (1366, 768)
# Alone with the pages: nothing of its own over the network.
_SWITCHES = (
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
)


def has_browser() -> bool:
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


def open_browser(width: int, height: int) -> webdriver.Chrome:
    """A window of this size, which keeps a log of its messages and of its requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for switch in (*_SWITCHES, f"--window-size={width},{height}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, Service(str(shutil.which("chromedriver"))))
