import json

import pytest
from botocore.exceptions import ClientError

POLL = 5


@pytest.fixture
def aws(empty_aws):
    return empty_aws


class Context:
    """What Lambda hands to a handler, with a given time left."""

    def __init__(self, seconds):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


class Clock:
    """Time that passes only by sleeping; ``then`` happens during the first sleeps, one each."""

    def __init__(self, seconds, *then):
        self.left = seconds
        self.then = list(then)

    def remaining(self):
        return self.left

    def sleep(self, seconds):
        self.left -= seconds
        if self.then:
            self.then.pop(0)()


def call(module, aws, instance_id, clock):
    """The function in an account where moto's transitions happen when the clock says so."""
    return getattr(module, module.__name__.split("_")[0])(
        aws.client("ec2"), {"INSTANCE_ID": instance_id}, clock.remaining, clock.sleep
    )


@pytest.mark.parametrize(
    ("verb", "state", "after", "changed", "outcome"),
    [
        ("start", "running", "running", False, "already running"),
        ("start", "stopped", "running", True, "started"),
        ("start", "pending", "pending", False, "already starting"),
        ("start", "stopping", "stopping", False, "still stopping"),
        ("start", "shutting-down", "shutting-down", False, "shutting-down"),
        ("start", "terminated", "terminated", False, "terminated"),
        ("stop", "running", "stopped", True, "stopped"),
        ("stop", "stopped", "stopped", False, "already stopped"),
        ("stop", "pending", "pending", False, "still starting"),
        ("stop", "stopping", "stopping", False, "already stopping"),
        ("stop", "shutting-down", "shutting-down", False, "shutting-down"),
        ("stop", "terminated", "terminated", False, "terminated"),
    ],
)
def test_every_state_is_an_answer(aws, function, verb, state, after, changed, outcome):
    instance_id = aws.launch(state=state)

    result = call(function(verb), aws, instance_id, Clock(60))

    assert result == {
        "action": verb,
        "instance_id": instance_id,
        "previous_state": state,
        "state": after,
        "changed": changed,
        "outcome": outcome,
    }
    assert aws.state(instance_id) == after


@pytest.mark.parametrize(("verb", "settled"), [("start", "already running"), ("stop", "already stopped")])
def test_calling_twice_changes_nothing_more(aws, function, verb, settled):
    instance_id = aws.launch(state="stopped" if verb == "start" else "running")

    first = call(function(verb), aws, instance_id, Clock(60))
    second = call(function(verb), aws, instance_id, Clock(60))

    assert (first["changed"], second["changed"], second["outcome"]) == (True, False, settled)


def test_an_instance_that_is_starting_is_waited_for(aws, function):
    instance_id = aws.launch(state="pending")
    clock = Clock(300, lambda: None, lambda: aws.put_into(instance_id, "running"))

    result = call(function("start"), aws, instance_id, clock)

    assert result["state"] == "running"
    assert clock.left == 300 - 2 * POLL


def test_an_instance_that_is_stopping_is_started_when_it_has_stopped(aws, function):
    instance_id = aws.launch(state="stopping")
    clock = Clock(300, lambda: aws.put_into(instance_id, "stopped"))

    result = call(function("start"), aws, instance_id, clock)

    assert (result["previous_state"], result["state"], result["outcome"]) == ("stopping", "running", "started")


def test_an_instance_that_is_starting_is_stopped_when_it_runs(aws, function):
    instance_id = aws.launch(state="pending")
    clock = Clock(300, lambda: aws.put_into(instance_id, "running"))

    result = call(function("stop"), aws, instance_id, clock)

    assert (result["previous_state"], result["state"], result["outcome"]) == ("pending", "stopped", "stopped")


def test_waiting_ends_before_the_function_is_timed_out(aws, function):
    instance_id = aws.launch(state="stopping")
    clock = Clock(300)

    call(function("start"), aws, instance_id, clock)

    assert 0 < clock.left < 2 * POLL


def test_the_handler_takes_the_instance_by_its_tag_and_logs_its_result_as_json(aws, function, monkeypatch, capsys):
    monkeypatch.setenv("EC2_INSTANCE_TAG", "readmission=data-api")
    instance_id = aws.launch(state="running")

    result = function("start").handler({}, Context(300))

    assert result["instance_id"] == instance_id
    assert json.loads(capsys.readouterr().out) == result


def test_the_handler_takes_the_instance_by_its_id(aws, function, monkeypatch):
    aws.launch(state="stopped")
    instance_id = aws.launch(state="stopped")
    monkeypatch.setenv("INSTANCE_ID", instance_id)

    assert function("stop").handler({}, Context(300))["instance_id"] == instance_id


def test_a_terminated_instance_does_not_hide_the_one_that_replaced_it(aws, function):
    aws.launch(state="terminated")
    instance_id = aws.launch(state="running")

    assert (
        function("start").find(aws.client("ec2"), {"EC2_INSTANCE_TAG": "readmission=data-api"})["InstanceId"]
        == instance_id
    )


@pytest.mark.parametrize(
    "environment", [{}, {"EC2_INSTANCE_TAG": "nameonly"}, {"EC2_INSTANCE_TAG": "readmission=other"}]
)
def test_without_an_instance_the_function_fails(aws, function, environment):
    with pytest.raises(LookupError):
        function("start").find(aws.client("ec2"), environment)


def test_two_instances_with_the_tag_are_refused(aws, function):
    aws.launch()
    aws.launch()

    with pytest.raises(LookupError, match="2 instances"):
        function("stop").find(aws.client("ec2"), {"EC2_INSTANCE_TAG": "readmission=data-api"})


def test_an_unknown_id_is_an_error(aws, function):
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        call(function("start"), aws, "i-0123456789abcdef0", Clock(60))


class Overtaken:
    """EC2 where somebody else stops the instance between our look and our request, once."""

    def __init__(self, ec2, aws, instance_id):
        self.ec2, self.aws, self.instance_id = ec2, aws, instance_id
        self.refused = False

    def describe_instances(self, **question):
        return self.ec2.describe_instances(**question)

    def start_instances(self, **request):
        if not self.refused:
            self.refused = True
            raise ClientError({"Error": {"Code": "IncorrectInstanceState"}}, "StartInstances")
        return self.ec2.start_instances(**request)


def test_a_change_of_state_between_look_and_request_is_not_an_error(aws, function):
    instance_id = aws.launch(state="stopped")
    clock = Clock(60)

    result = function("start").start(
        Overtaken(aws.client("ec2"), aws, instance_id), {"INSTANCE_ID": instance_id}, clock.remaining, clock.sleep
    )

    assert result["outcome"] == "started"


def test_the_function_fails_without_the_permission(aws, function):
    instance_id = aws.launch(state="stopped")
    looks_only = {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}
    user = aws.user(json.dumps({"Version": "2012-10-17", "Statement": [looks_only]}))
    clock = Clock(60)

    with pytest.raises(ClientError, match="not authorized to perform: ec2:StartInstances"):
        function("start").start(aws.client_of(user, "ec2"), {"INSTANCE_ID": instance_id}, clock.remaining, clock.sleep)
