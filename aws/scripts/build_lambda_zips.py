"""Zip each Lambda function so that the same source always gives the same bytes: fixed times, modes and order.

`python aws/scripts/build_lambda_zips.py FOLDER` prints each zip's path and the code sha256 that AWS would show for it.
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
    """``folder/<name>.zip``, holding one source file."""
    target = folder / f"{source.stem}.zip"
    entry = zipfile.ZipInfo(source.name, EPOCH)
    entry.create_system = 3  # Unix, wherever it is built
    entry.external_attr = 0o100644 << 16
    # stored, not deflated: the bytes do not depend on the zlib of the machine
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, source.read_text(encoding="utf-8").replace("\r\n", "\n"))
    return target


def code_sha256(path: Path) -> str:
    """As Lambda gives it (``CodeSha256``): base64 of the zip's sha256."""
    return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(SOURCES.glob("*.py")):
        path = build_zip(source, folder)
        print(path, code_sha256(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("var/lambda"))
