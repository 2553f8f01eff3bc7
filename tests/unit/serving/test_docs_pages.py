import re

import pytest

FILES = {
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/swagger.js": "text/javascript; charset=utf-8",
    "/docs/redoc.standalone.js": "text/javascript; charset=utf-8",
    "/docs/redoc.js": "text/javascript; charset=utf-8",
    "/docs/favicon.png": "image/png",
}


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_page_names_only_files_that_the_server_has(client, page):
    named = {f"/{name}" for name in re.findall(r'(?:src|href)="([^"]+)"', client.get(page).text)}

    assert named <= {*FILES, "/openapi.json"}
    assert {client.get(name).status_code for name in named} == {200}


@pytest.mark.parametrize(("path", "content_type"), FILES.items())
def test_a_file_has_its_content_type(client, path, content_type):
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_page_may_load_nothing_from_another_host(client, page):
    policy = client.get(page).headers["content-security-policy"].split("; ")

    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy)
    assert not re.search("http|\\*", " ".join(policy))


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_page_has_no_script_of_its_own(client, page):
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", client.get(page).text, re.DOTALL)

    assert scripts
    assert all("src=" in attributes and not text for attributes, text in scripts)


def test_redoc_does_not_ask_its_maker_for_a_logo(client):
    script = client.get("/docs/redoc.standalone.js").text

    assert "cdn.redoc.ly" not in script
    assert script.count('"data:,"') == 1


def test_a_file_outside_of_the_list_is_not_served(client):
    assert client.get("/docs/../app.py").status_code == 404
    assert client.get("/docs/swagger.html").status_code == 404
