"""The user data of the template as the instance runs it: real bash, git, openssl and boto3; AWS is moto.

moto knows no SignalResource, so a small server takes the signals. apt-get, systemctl and curl belong to the machine: a
recording program takes their place.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml

from doubles.recorded_programs import RecordedPrograms

ROOT = Path(__file__).parents[3]
ADDRESS = "203.0.113.9"
SIGNALLED = (
    b"<SignalResourceResponse><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></SignalResourceResponse>"
)
NOT_WAITING = (
    b"<ErrorResponse><Error><Code>ValidationError</Code><Message>not waiting</Message></Error></ErrorResponse>"
)


def user_data():
    class Loader(yaml.SafeLoader):
        """CloudFormation's short forms as their plain text."""

    Loader.add_multi_constructor("!", lambda loader, _tag, node: plain(loader, node))
    template = yaml.load((ROOT / "aws" / "template.yaml").read_text(), Loader)  # noqa: S506  a SafeLoader
    return template["Resources"]["Instance"]["Properties"]["UserData"]["Fn::Base64"]


def plain(loader, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, deep=True)


def git(*arguments, folder):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A repository with the files that the instance needs, in two commits; the pinned one is the first."""
    folder = tmp_path / "repository"
    for path in (
        "aws/scripts/set_up_instance.py",
        "aws/nginx.conf",
        "ec2_api/readmission-data-api.service",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes((ROOT / path).read_bytes())
    git("init", "--quiet", folder=folder)
    git("add", ".", folder=folder)
    git("commit", "--quiet", "--message", "pinned", folder=folder)
    commit = git("rev-parse", "HEAD", folder=folder)
    (folder / "later").touch()
    git("add", ".", folder=folder)
    git("commit", "--quiet", "--message", "later", folder=folder)
    return folder, commit


class Machine:
    """A root folder for the script, and the programs in its path."""

    def __init__(self, root, aws, signals, repository):
        self.root, self.signals = root, signals
        folder, self.commit = repository
        for path in ("etc/nginx/conf.d", "etc/nginx/sites-enabled", "etc/systemd/system", "var/lib/cloud/data", "opt"):
            (root / path).mkdir(parents=True)
        (root / "var/lib/cloud/data/instance-id").write_text("i-0123456789abcdef0\n")
        (root / "etc/nginx/sites-enabled/default").touch()
        self.programs = RecordedPrograms(root / "bin", ["apt-get", "systemctl", "curl", "sleep"])
        self.values = {
            "AWS::Region": "us-east-1",
            "AWS::StackName": "source",
            "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/source/1",
            "RepositoryUrl": folder.as_uri(),
            "RepositoryCommit": self.commit,
            "DataApiImage": "",
            "Address": ADDRESS,
            "ReadKey": "source/data-api-read-key",
            "Certificate": "/source/certificate",
        }
        self.environment = {**os.environ, "AWS_ENDPOINT_URL_CLOUDFORMATION": signals.url}
        self.environment["PATH"] = f"{root / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        aws.client("secretsmanager").create_secret(Name="source/data-api-read-key", SecretString="a-read-key")

    def run(self, **changed):
        """The script with its values filled in, its paths under our root."""
        values = self.values | changed
        script = re.sub(r"\$\{([A-Z][\w:]+)\}", lambda match: values[match[1]], user_data())
        script = re.sub(r"(?<![\w/])/(etc|opt|var)\b", rf"{self.root}/\1", script)
        return subprocess.run(["bash", "-c", script], env=self.environment, capture_output=True, text=True)

    def state(self):
        """Every file of the root that the script may write, with its mode."""
        files = [path for path in self.root.rglob("*") if path.is_file() and ".git/" not in str(path)]
        return {path: (path.stat().st_mode, path.read_bytes()) for path in files if "bin" not in path.parts}

    def signalled(self):
        return [{name: value for name, [value] in parse_qs(body.decode()).items()} for body in self.signals.bodies]


@pytest.fixture
def machine(tmp_path, empty_aws, http_server, repository):
    with http_server(body=SIGNALLED) as signals:
        yield Machine(tmp_path / "root", empty_aws, signals, repository)


def test_the_stack_is_told_when_health_answers(machine):
    done = machine.run()

    assert done.returncode == 0, done.stderr
    [signal] = machine.signalled()
    assert (signal["Status"], signal["UniqueId"]) == ("SUCCESS", "i-0123456789abcdef0")
    assert (signal["LogicalResourceId"], signal["StackName"]) == ("Instance", machine.values["AWS::StackId"])
    assert machine.programs.calls[-1].endswith(f"https://{ADDRESS}/health")


def test_a_second_run_leaves_the_same_state(machine):
    machine.run()
    before = machine.state()
    machine.signals.status, machine.signals.body = 400, NOT_WAITING

    done = machine.run()

    assert done.returncode == 0, done.stderr
    assert machine.state() == before


def test_the_pinned_commit_runs_and_not_the_newest(machine):
    machine.run()

    assert git("rev-parse", "HEAD", folder=machine.root / "opt/readmission") == machine.commit
    assert not (machine.root / "opt/readmission/later").exists()


@pytest.mark.parametrize(
    ("failing", "changed", "step"),
    [
        ("", {"RepositoryCommit": "0" * 40}, "fetch commit " + "0" * 40),
        ("", {"ReadKey": "absent"}, "set up the key, the certificate and the proxy"),
        ("systemctl", {}, "start the services"),
        ("curl", {}, "reach /health"),
    ],
)
def test_a_failed_step_is_signalled_at_once_and_its_reason_is_kept(machine, empty_aws, failing, changed, step):
    machine.programs.fail(failing)

    done = machine.run(**changed)

    assert done.returncode != 0
    assert [signal["Status"] for signal in machine.signalled()] == ["FAILURE"]
    reason = empty_aws.client("ssm").get_parameter(Name="/source/failure")["Parameter"]["Value"]
    assert f"could not {step}:" in reason


def test_the_read_key_is_in_a_file_of_root_and_in_no_output(machine):
    done = machine.run()

    settings = machine.root / "etc/readmission/data-api.env"
    assert "DATA_API_READ_KEY=a-read-key" in settings.read_text()
    assert settings.stat().st_mode & 0o077 == 0
    assert "a-read-key" not in done.stdout + done.stderr


def test_the_certificate_names_the_address_and_is_published_without_its_key(machine, empty_aws):
    machine.run()

    published = empty_aws.client("ssm").get_parameter(Name="/source/certificate")["Parameter"]["Value"]
    assert published == (machine.root / "etc/readmission/certificate.pem").read_text()
    assert "PRIVATE" not in published
    assert (machine.root / "etc/readmission/key.pem").stat().st_mode & 0o077 == 0
    assert not (machine.root / "etc/nginx/sites-enabled/default").exists()
