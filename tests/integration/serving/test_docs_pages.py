"""The pages of the documentation in a real browser that reaches nothing but the server."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
# --no-sandbox: Chromium's sandbox refuses to start as root
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium")


@dataclass
class Visit:
    """A page, and what its visitor does not see: requests, and what the browser complains of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)

    def foreign(self, url: str) -> list[str]:
        return [request for request in self.requests if not request.startswith((f"{url}/", "data:", f"blob:{url}/"))]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    page = browser.new_page()
    yield Visit(page)
    page.close()


def test_swagger_ui_shows_every_operation_and_tries_one_out(visit, server):
    visit.open(f"{server.url}/docs")
    operations = visit.page.locator(".opblock")
    expect(operations).to_have_count(len(server.call("GET", "/openapi.json").document["paths"]))

    predict = visit.page.locator("#operations-prediction-predict_predict_post")
    predict.locator(".opblock-summary").click()
    predict.get_by_role("button", name="Try it out").click()
    predict.get_by_role("button", name="Execute").click()

    expect(predict.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    assert (visit.complaints, visit.foreign(server.url)) == ([], [])


def test_redoc_shows_every_operation_and_finds_one(visit, server):
    paths = server.call("GET", "/openapi.json").document["paths"].values()
    visit.open(f"{server.url}/redoc")
    for summary in [operation["summary"] for methods in paths for operation in methods.values()]:
        expect(visit.page.get_by_role("heading", name=summary)).to_be_visible()

    visit.page.get_by_placeholder("Search...").fill("outcome of a")

    expect(visit.page.locator("[data-role='search:results']")).to_contain_text("Record the outcome of a prediction")
    assert (visit.complaints, visit.foreign(server.url)) == ([], [])


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_page_runs_no_script_but_the_servers_own_files(server, path, visit):
    visit.open(f"{server.url}{path}")

    with pytest.raises(Exception, match="Content Security Policy"):
        visit.page.add_script_tag(content="window.ran = true")

    assert visit.page.evaluate("window.ran") is None
