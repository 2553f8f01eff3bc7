"""The DAG's first task as Airflow calls it, its settings from the environment, against moto and a loopback data API."""

import json
import socket
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from doubles.compute_contract import InstanceContract
from readmission.adapters.compute import Ec2Instance
from readmission.errors import NotFound, SourceUnavailable
from readmission.pipeline import wiring
from readmission.pipeline.tasks import airflow_task
from readmission.settings import PipelineSettings

check_ec2_status = airflow_task("check_ec2_status")

STATES = ["pending", "running", "stopping", "stopped"]


@pytest.fixture
def aws(empty_aws):
    return empty_aws


@pytest.fixture
def dead_api(monkeypatch):
    """DATA_API_URL where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DATA_API_URL", f"http://127.0.0.1:{free.getsockname()[1]}")


@pytest.fixture
def in_schedule(monkeypatch):
    """Equal times are the whole day: the tests hold at any hour."""
    monkeypatch.setenv("SCHEDULE_START", "00:00")
    monkeypatch.setenv("SCHEDULE_STOP", "00:00")


@pytest.fixture
def launch(aws, monkeypatch):
    """``launch(state)``: the configured instance, in this state."""

    def make(state):
        instance_id = aws.launch(state=state)
        monkeypatch.setenv("INSTANCE_ID", instance_id)
        return instance_id

    return make


class TestEc2Instance(InstanceContract):
    @pytest.fixture
    def instance_in(self, launch):
        def make(state):
            launch(state)
            return Ec2Instance.from_settings(PipelineSettings())

        return make


@pytest.fixture
def allowed(aws, monkeypatch):
    """``allowed(*actions)``: go on as a user who may do no more than that."""

    def become(*actions):
        statement = {"Effect": "Allow", "Action": [*actions, "s3:ListAllMyBuckets"], "Resource": "*"}
        user = aws.user(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", user["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user["aws_secret_access_key"])

    return become


@pytest.mark.parametrize("state", [*STATES, "shutting-down", "terminated"])
def test_an_api_that_answers_is_enough_and_is_asked_for_nothing_else(launch, http_server, monkeypatch, state):
    launch(state)
    with http_server() as api:
        monkeypatch.setenv("DATA_API_URL", api.url)

        assert check_ec2_status() is True
        assert api.paths == ["/health"]


@pytest.mark.usefixtures("dead_api", "in_schedule")
@pytest.mark.parametrize(
    ("state", "after"),
    [("stopped", "running"), ("running", "running"), ("pending", "pending"), ("stopping", "stopping")],
)
def test_a_silent_api_is_waited_for_and_only_a_stopped_instance_started(aws, launch, state, after):
    instance_id = launch(state)

    assert check_ec2_status() is False
    assert aws.state(instance_id) == after


@pytest.mark.usefixtures("dead_api", "in_schedule")
def test_the_instance_is_found_by_its_tag(aws, monkeypatch):
    instance_id = aws.launch(state="stopped")
    monkeypatch.setenv("EC2_INSTANCE_TAG", "readmission=data-api")

    assert check_ec2_status() is False
    assert aws.state(instance_id) == "running"


@pytest.mark.usefixtures("dead_api", "in_schedule")
def test_two_instances_with_the_tag_are_not_guessed_between(aws, monkeypatch):
    aws.launch(state="stopped")
    aws.launch(state="stopped")
    monkeypatch.setenv("EC2_INSTANCE_TAG", "readmission=data-api")

    with pytest.raises(AirflowFailException, match="InvalidInput: 2 EC2 instances"):
        check_ec2_status()


@pytest.mark.usefixtures("dead_api", "in_schedule")
@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
def test_an_instance_that_is_gone_fails_the_task(launch, state):
    launch(state)

    with pytest.raises(NotFound, match=state):
        check_ec2_status()


@pytest.mark.usefixtures("aws", "dead_api", "in_schedule")
@pytest.mark.parametrize("setting", [("INSTANCE_ID", "i-0123456789abcdef0"), ("EC2_INSTANCE_TAG", "readmission=no")])
def test_an_unknown_instance_fails_the_task(monkeypatch, setting):
    monkeypatch.setenv(*setting)

    with pytest.raises(NotFound, match=r"no (such )?EC2 instance"):
        check_ec2_status()


@pytest.mark.usefixtures("dead_api", "in_schedule")
@pytest.mark.parametrize(
    ("actions", "refused"), [([], "DescribeInstances"), (["ec2:DescribeInstances"], "StartInstances")]
)
def test_a_missing_permission_fails_the_task_and_is_named(launch, allowed, actions, refused):
    launch("stopped")
    allowed(*actions)

    with pytest.raises(AirflowFailException, match=f"Unauthorized: {refused} is not allowed"):
        check_ec2_status()


@pytest.mark.usefixtures("dead_api", "in_schedule")
def test_the_permissions_of_the_pipeline_policy_are_enough(launch, allowed):
    launch("stopped")
    allowed("ec2:DescribeInstances", "ec2:StartInstances")

    assert check_ec2_status() is False


@pytest.mark.usefixtures("dead_api", "in_schedule")
def test_missing_credentials_fail_the_task(launch, monkeypatch):
    launch("stopped")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(AirflowFailException, match=r"Unauthorized: .*credentials are missing"):
        check_ec2_status()


@pytest.mark.usefixtures("dead_api", "in_schedule")
def test_a_missing_region_is_named(launch, monkeypatch):
    launch("stopped")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(AirflowFailException, match=r"MissingSetting: .* AWS_REGION"):
        check_ec2_status()


@pytest.mark.usefixtures("dead_api", "in_schedule")
@pytest.mark.parametrize(
    ("name", "value"), [("AWS_REGION", "no region"), ("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL", "nonsense")]
)
def test_an_aws_setting_that_cannot_be_used_is_an_error_of_ours(launch, monkeypatch, name, value):
    launch("stopped")
    monkeypatch.setenv(name, value)

    with pytest.raises(AirflowFailException, match=f"InvalidInput: the AWS settings cannot be used: .*{value}"):
        check_ec2_status()


THROTTLED = b"""<?xml version="1.0"?><Response><Errors><Error><Code>RequestLimitExceeded</Code>
<Message>Request limit exceeded.</Message></Error></Errors><RequestID>1</RequestID></Response>"""


@pytest.mark.usefixtures("dead_api", "in_schedule")
def test_throttling_is_tried_again_and_then_waited_for(launch, http_server, monkeypatch):
    launch("stopped")
    with http_server(status=503, body=THROTTLED) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)

        assert check_ec2_status() is False
        assert len(endpoint.paths) == 3


@pytest.mark.usefixtures("dead_api", "in_schedule")
def test_an_aws_that_does_not_answer_is_waited_for(launch, monkeypatch):
    launch("stopped")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert check_ec2_status() is False


@pytest.mark.usefixtures("in_schedule")
def test_an_api_that_is_too_slow_counts_as_silent(aws, launch, http_server, monkeypatch):
    instance_id = launch("stopped")
    monkeypatch.setattr(wiring, "HEALTH_SECONDS", 0.2)
    with http_server(delay=1) as api:
        monkeypatch.setenv("DATA_API_URL", api.url)

        assert check_ec2_status() is False
        assert aws.state(instance_id) == "running"


@pytest.mark.usefixtures("in_schedule")
def test_an_api_that_answers_with_an_error_counts_as_silent(launch, http_server, monkeypatch):
    launch("running")
    with http_server(status=503) as api:
        monkeypatch.setenv("DATA_API_URL", api.url)

        assert check_ec2_status() is False


@pytest.mark.usefixtures("dead_api")
def test_outside_the_schedule_the_run_is_skipped_with_the_reason_and_nothing_started(aws, launch, monkeypatch):
    instance_id = launch("stopped")
    hour = datetime.now(ZoneInfo("America/Lima")).hour
    monkeypatch.setenv("SCHEDULE_START", f"{(hour + 6) % 24:02}:00")
    monkeypatch.setenv("SCHEDULE_STOP", f"{(hour + 8) % 24:02}:00")

    with pytest.raises(AirflowSkipException, match="off outside its schedule"):
        check_ec2_status()

    assert aws.state(instance_id) == "stopped"


@pytest.mark.usefixtures("aws", "dead_api")
def test_without_aws_settings_a_silent_api_fails_the_task():
    with pytest.raises(SourceUnavailable):
        check_ec2_status()


@pytest.mark.usefixtures("aws")
def test_without_aws_settings_there_is_no_instance():
    assert wiring.instance() is None
