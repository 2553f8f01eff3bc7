"""What the linters of shell scripts and of CloudFormation say: nothing."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TEMPLATE = ROOT / "aws" / "template.yaml"


class TagsAside(yaml.SafeLoader):
    """YAML without the tags of CloudFormation: ``!Sub text`` is the text."""


def _untagged(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, deep=True)


TagsAside.add_multi_constructor("!", _untagged)


def _said(*command: object, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_shellcheck_finds_nothing_in_our_scripts():
    scripts = [*sorted((ROOT / "aws" / "scripts").glob("*.sh")), ROOT / "ec2_api" / "start_api.sh"]

    assert _said(BIN / "shellcheck", "-x", *scripts) == ""


def test_cfn_lint_finds_nothing():
    assert _said(BIN / "cfn-lint", TEMPLATE) == ""


def test_the_user_data_of_the_template_is_a_script_that_shellcheck_accepts(tmp_path):
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), TagsAside)  # noqa: S506 - a SafeLoader
    script = template["Resources"]["Instance"]["Properties"]["UserData"]["Fn::Base64"]
    path = tmp_path / "user-data.sh"
    path.write_text(re.sub(r"\$\{[A-Z][\w:]+\}", "value", script))

    assert script.startswith("#!/bin/bash")
    assert _said(BIN / "shellcheck", path) == ""
