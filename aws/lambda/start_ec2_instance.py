"""Starts the data API's EC2 instance and waits until it runs. EventBridge Scheduler calls this every morning.

The instance is INSTANCE_ID, or the one with the tag EC2_INSTANCE_TAG (name=value). Every state of the
instance gives a result; a missing instance or a missing permission is an error. This file imports no other file of this
project, because aws/template.yaml contains it inline.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

POLL_SECONDS = 5
# the time that is left for the response when waiting ends
MARGIN_SECONDS = 5
# an instance in these states cannot be started again
GONE = {"shutting-down", "terminated"}
# the outcome by state, for calls that did not request the start (False) and for those that did (True)
OUTCOMES = {
    False: {"running": "already running", "pending": "already starting", "stopping": "still stopping"},
    True: {"running": "started", "pending": "starting", "stopped": "starting"},
}


def handler(_event: object, context: Any) -> dict[str, Any]:
    """The entry point of Lambda. Waits at most as long as the function may run. Returns the result of ``start``."""
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return start(boto3.client("ec2", config=config), os.environ, lambda: context.get_remaining_time_in_millis() / 1000)


def start(
    ec2: Any,
    environment: Mapping[str, str],
    remaining_seconds: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Start the instance and wait. Returns action, instance_id, previous_state, state, changed and outcome."""
    instance = find(ec2, environment)
    instance_id, previous, requested = instance["InstanceId"], instance["State"]["Name"], False
    state = previous
    while state != "running" and state not in GONE:
        if state == "stopped" and not requested:
            requested = request(ec2, instance_id)
        if remaining_seconds() < POLL_SECONDS + MARGIN_SECONDS:
            break
        sleep(POLL_SECONDS)
        state = find(ec2, {"INSTANCE_ID": instance_id})["State"]["Name"]
    result = {
        "action": "start",
        "instance_id": instance_id,
        "previous_state": previous,
        "state": state,
        "changed": requested,
        "outcome": OUTCOMES[requested].get(state, state),
    }
    print(json.dumps(result))
    return result


def request(ec2: Any, instance_id: str) -> bool:
    """Whether EC2 accepted the request. It does not when the state has changed in the meantime."""
    try:
        ec2.start_instances(InstanceIds=[instance_id])
    except ClientError as error:
        if error.response["Error"]["Code"] != "IncorrectInstanceState":
            raise
        return False
    return True


def find(ec2: Any, environment: Mapping[str, str]) -> dict[str, Any]:
    """The instance as EC2 describes it. Raises LookupError unless exactly one instance matches."""
    if environment.get("INSTANCE_ID"):
        question: dict[str, Any] = {"InstanceIds": [environment["INSTANCE_ID"]]}
    elif "=" in environment.get("EC2_INSTANCE_TAG", ""):
        name, _, value = environment["EC2_INSTANCE_TAG"].partition("=")
        question = {"Filters": [{"Name": f"tag:{name}", "Values": [value]}]}
    else:
        raise LookupError("set INSTANCE_ID or EC2_INSTANCE_TAG (name=value)")
    reservations = ec2.describe_instances(**question)["Reservations"]
    found = [instance for reservation in reservations for instance in reservation["Instances"]]
    # a terminated instance keeps its tags for an hour, so the one that replaced it is preferred
    alive = [instance for instance in found if instance["State"]["Name"] != "terminated"]
    if not found or len(alive) > 1:
        raise LookupError(f"{len(alive)} instances for {question}, one is wanted")
    return dict((alive or found)[0])
