"""What any page must be in a browser: free of axe's violations, named, readable, touchable, still, within the width."""

from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Page

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
SIZES = {"phone": PHONE, "desk": DESK}
LEAST_TARGET = 24  # CSS pixels across: WCAG 2.2, 2.5.8
MOST_SHIFT = 0.1  # cumulative layout shift: https://web.dev/articles/cls calls less good

# Every button, field and link that is no part of a sentence (those are excepted by WCAG 2.2, 2.5.8).
_SMALL = """(least) => [...document.querySelectorAll('a[href], button, select, summary, input:not([type=hidden])')]
  .filter((each) => getComputedStyle(each).display !== 'inline' || !each.parentElement.matches('p, li, dd, td, label, span, figcaption'))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([each, box]) => box.width > 1 && box.height > 1 && each.checkVisibility({ visibilityProperty: true }))
  .filter(([each, box]) => Math.max(box.width, each.offsetWidth || 0) < least || box.height < least)
  .filter(([each]) => !each.closest('.leaflet-control-attribution'))
  .map(([each, box]) => `${each.outerHTML.slice(0, 90)} is ${Math.round(box.width)} x ${Math.round(box.height)}`)"""
_BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Kept by an observer from the page's first moment.
_KEEP_SHIFT = """window.shifted = 0;
new PerformanceObserver((seen) => {
  for (const each of seen.getEntries()) if (!each.hadRecentInput) window.shifted += each.value;
}).observe({ type: 'layout-shift', buffered: true });"""


@contextmanager
def opened(browser: Browser, size: str, *, script: bool = True, **more: object) -> Iterator[Page]:
    """A page of a fresh browser of `SIZES[size]`; whatever it complains of on its console fails the test.

    Without `script` every script of the page is empty, as good as none; axe, which is one, runs all the same.
    """
    context: BrowserContext = browser.new_context(
        viewport=SIZES[size],  # type: ignore[arg-type]
        locale="id-ID",
        **more,  # type: ignore[arg-type]
    )
    if not script:
        context.route("**/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    context.add_init_script(_KEEP_SHIFT)
    page, problems = context.new_page(), complaints(context)
    try:
        yield page
    finally:
        context.close()
    assert problems == [], problems


def complaints(context: BrowserContext) -> list[str]:
    """What its pages will have thrown or said as an error, as it comes; that a page itself is a 404 is none."""
    found: list[str] = []

    def said(heard: ConsoleMessage) -> None:
        is_of_a_part = heard.page is None or heard.location["url"] != heard.page.url
        if heard.type == "error" and (is_of_a_part or not heard.text.startswith("Failed to load resource")):
            found.append(f"{heard.text} ({heard.location['url']})")

    context.on("weberror", lambda error: found.append(str(error.error)))
    context.on("console", said)
    return found


def check(page: Page) -> None:
    """The page as it stands now has nothing of what is wrong with pages."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.title().strip() != ""
    assert page.locator("html").get_attribute("lang") in {"id", "en"}
    viewport = page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "width=device-width" in viewport
    assert "user-scalable=no" not in viewport
    small, beyond, shift = (
        page.evaluate(_SMALL, LEAST_TARGET),
        page.evaluate(_BEYOND),
        page.evaluate("window.shifted"),
    )
    assert small == [], f"{page.url}: too small to touch: {small}"
    assert beyond <= 0, f"{page.url} is {beyond} pixels wider than its window"
    assert shift < MOST_SHIFT, f"{page.url} moved about by {shift}"


@contextmanager
def weighed(page: Page) -> Iterator[dict[str, int]]:
    """Bytes on the wire, heads and bodies as they were sent, of each address that the page loads meanwhile."""
    bytes_of: dict[str, int] = {}
    addresses: dict[str, str] = {}
    wire: CDPSession = page.context.new_cdp_session(page)
    wire.on(
        "Network.requestWillBeSent", lambda said: addresses.update({said["requestId"]: said["request"]["url"]})
    )
    wire.on(
        "Network.loadingFinished",
        lambda said: bytes_of.update({addresses.get(said["requestId"], "?"): int(said["encodedDataLength"])}),
    )
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    try:
        yield bytes_of
    finally:
        wire.detach()
