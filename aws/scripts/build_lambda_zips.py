"""Zips each Lambda function. The same source always gives the same bytes, by fixed times and modes.

`python aws/scripts/build_lambda_zips.py FOLDER` prints the path of each zip and the sha256 that AWS shows for its code.
"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "lambda"
# the earliest instant that a zip file can hold
EPOCH = (1980, 1, 1, 0, 0, 0)


def build_zip(source: Path, folder: Path) -> Path:
    """Write ``folder/<name>.zip`` with one source file, and return its path."""
    target = folder / f"{source.stem}.zip"
    entry = zipfile.ZipInfo(source.name, EPOCH)
    entry.create_system = 3  # Unix, also when it is built on Windows
    entry.external_attr = 0o100644 << 16
    # stored, not deflated: deflated bytes depend on the version of zlib
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, source.read_text(encoding="utf-8").replace("\r\n", "\n"))
    return target


def code_sha256(path: Path) -> str:
    """The sha256 of the zip in base64, as Lambda shows it in ``CodeSha256``."""
    return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()


def main(folder: Path) -> None:
    """Build all zips in ``folder`` and print their paths and checksums."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(SOURCES.glob("*.py")):
        path = build_zip(source, folder)
        print(path, code_sha256(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("var/lambda"))
