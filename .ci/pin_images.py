"""Writes the digest of each base image into images.env, as the image's registry gives it: `make pin`.

A line NAME=registry/repository:tag becomes NAME=registry/repository:tag@sha256:... The registry is asked by its v2 API.
Nothing is written when one of the images cannot be resolved.
"""

import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPResponse
from pathlib import Path

LINE = re.compile(
    r"^(?P<name>[A-Z_]+)=(?P<registry>[^/\s]+)/(?P<repository>[^:@\s]+):(?P<tag>[^@\s]+)(@\S+)?$", re.MULTILINE
)
# the digest of the index, which holds the image of every platform
KINDS = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
SECONDS = 20


def pin(text: str) -> str:
    """The text of images.env with the digest of every image. Raises OSError when a registry cannot give one."""
    return LINE.sub(
        lambda line: f"{line['name']}={line['registry']}/{line['repository']}:{line['tag']}@{_digest(line)}", text
    )


def _digest(line: re.Match[str]) -> str:
    url = f"{_address(line['registry'])}/v2/{line['repository']}/manifests/{line['tag']}"
    headers = {"Accept": KINDS}
    try:
        answer = _ask(url, headers)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        token = _token(error.headers.get("WWW-Authenticate", ""))
        answer = _ask(url, headers | {"Authorization": f"Bearer {token}"})
    digest = str(answer.headers.get("Docker-Content-Digest", ""))
    if not re.fullmatch("sha256:[0-9a-f]{64}", digest):
        raise OSError(f"{url} names no digest")
    return digest


def _address(registry: str) -> str:
    if registry == "docker.io":
        return "https://registry-1.docker.io"
    # as Docker does: a registry on this machine speaks http
    host = registry.partition(":")[0]
    return f"{'http' if host in ('127.0.0.1', 'localhost') else 'https'}://{registry}"


def _token(challenge: str) -> str:
    """The token that the registry's challenge tells us to fetch."""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if "realm" not in fields:
        raise OSError("the registry asks for a login that is no token")
    query = urllib.parse.urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
    return str(json.load(_ask(f"{fields['realm']}?{query}", {}))["token"])


def _ask(url: str, headers: dict[str, str]) -> HTTPResponse:
    answer: HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SECONDS)  # noqa: S310
    return answer


def main(path: Path) -> None:
    """Pin the images of this file; exit with the reason when a registry gives no digest."""
    try:
        pinned = pin(path.read_text(encoding="utf-8"))
    except OSError as error:
        sys.exit(f"error: no digest was written, a registry did not give one: {error}")
    path.write_text(pinned, encoding="utf-8")
    sys.stdout.write(pinned)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
