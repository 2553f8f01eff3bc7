import os
import subprocess
import sys
import zipfile
from pathlib import Path

AWS = Path(__file__).parents[3] / "aws"


def build(folder: Path) -> dict[str, bytes]:
    command = [sys.executable, str(AWS / "scripts" / "build_lambda_zips.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_zips_are_the_same_bytes_whenever_they_are_built(tmp_path):
    first = build(tmp_path / "first")
    for source in (AWS / "lambda").glob("*.py"):
        os.utime(source)

    assert build(tmp_path / "second") == first


def test_each_function_is_one_readable_file_named_after_it(tmp_path):
    build(tmp_path)

    for verb in ("start", "stop"):
        name = f"{verb}_ec2_instance"
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            [entry] = archive.infolist()
            assert archive.read(entry) == (AWS / "lambda" / f"{name}.py").read_bytes()
        assert entry.filename == f"{name}.py"
        assert entry.external_attr >> 16 == 0o100644


def test_no_zip_is_committed():
    tracked = subprocess.run(["git", "ls-files", "*.zip"], cwd=AWS, capture_output=True, text=True, check=False)

    assert tracked.stdout == ""
