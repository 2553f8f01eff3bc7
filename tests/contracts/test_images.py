"""Every image is built on a base image of images.env, which names it by an exact tag."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = dict(re.findall(r"^([A-Z_]+)=(\S+)$", (ROOT / "images.env").read_text(encoding="utf-8"), re.MULTILINE))
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
DOCKERFILES = [ROOT / name for name in TRACKED if Path(name).name.startswith("Dockerfile")]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_dockerfile_takes_its_base_images_from_one_file(path):
    bases = re.findall(r"^FROM +(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)

    assert bases
    assert [base for base in bases if base.strip("${}") not in IMAGES or not base.startswith("${")] == []


@pytest.mark.parametrize("image", IMAGES.values())
def test_a_base_image_has_an_exact_tag(image):
    assert re.fullmatch(r"[\w.:-]+/[\w./-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?", image)
