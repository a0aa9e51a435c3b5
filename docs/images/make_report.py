"""Takes the READMEs' pictures of a demo's report, in both languages.

python docs/images/make_report.py runs/demo/report.html    writes report.en.png and report.zh.png beside this file
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

QUIET = ["--no-sandbox", "--disable-background-networking", "--no-first-run", "--disable-component-update"]
LOCALES = {"en": "en-GB", "zh": "zh-CN"}


def main(page: Path) -> None:
    """The first screen of `page`, 1200 wide, at one and a half times the density."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        for language, locale in LOCALES.items():
            context = browser.new_context(
                locale=locale, viewport={"width": 1200, "height": 900}, device_scale_factor=1.5, color_scheme="light"
            )
            tab = context.new_page()
            tab.goto(page.resolve().as_uri())
            tab.screenshot(path=Path(__file__).parent / f"report.{language}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
