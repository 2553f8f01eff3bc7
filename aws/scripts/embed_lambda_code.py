"""Copies the source of the two Lambda functions into ``aws/template.yaml``, so that it deploys without a bucket.

Run `python aws/scripts/embed_lambda_code.py` after a change in aws/lambda. A test compares both.
"""

import re
import sys
import textwrap
from pathlib import Path

AWS = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"(?P<head> +# from aws/(?P<source>lambda/\w+\.py)\n(?P<indent> +)ZipFile: \|\n)(?:(?P=indent)  .*\n|\n)+"
)


def embed(template: str, folder: Path) -> str:
    """Replace each block below a line ``# from aws/lambda/...`` with the text of that file in ``folder``."""

    def code(block: re.Match[str]) -> str:
        source = (folder / block["source"]).read_text(encoding="utf-8")
        return block["head"] + textwrap.indent(source, block["indent"] + "  ") + "\n"

    return BLOCK.sub(code, template)


def main() -> None:
    """Update the template and print whether it has changed."""
    path = AWS / "template.yaml"
    before = path.read_text(encoding="utf-8")
    after = embed(before, AWS)
    path.write_text(after, encoding="utf-8")
    sys.stdout.write("template.yaml updated\n" if after != before else "template.yaml is up to date\n")


if __name__ == "__main__":
    main()
