"""The real scripts with the real AWS CLI, from nothing to nothing; they run once, the tests look at what happened."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "aws" / "scripts"
NAME = "readmission-data-source"
FUNCTIONS = [f"{NAME}-start-ec2-instance", f"{NAME}-stop-ec2-instance"]
ROLES = [f"{NAME}-start", f"{NAME}-stop", f"{NAME}-scheduler"]
OTHER_SERVICE_ONLY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


def run(name, *arguments):
    """(exit code, output) of a script, with this environment's `aws` first in the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(SCRIPTS / name), *arguments],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def made(aws):
    """Names of all that the scripts can make."""
    groups = aws.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    return {
        "roles": sorted(role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]),
        "functions": sorted(each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]),
        "logs": sorted(each["logGroupName"] for each in aws.client("logs").describe_log_groups()["logGroups"]),
        "groups": sorted(group["Name"] for group in groups if group["Name"] != "default"),
        "schedules": sorted(each["Name"] for each in aws.client("scheduler").list_schedules()["Schedules"]),
        "airflow": aws.client("iam").list_user_policies(UserName="airflow")["PolicyNames"],
    }


def schedules(aws):
    found = {}
    for verb in ("start", "stop"):
        found[verb] = aws.client("scheduler").get_schedule(GroupName=NAME, Name=f"{NAME}-{verb}")
    return found


@pytest.fixture(scope="module")
def life(aws):
    """What each step of one whole life said, and what was there after it."""
    aws.client("iam").create_user(UserName="airflow")
    instance_id = aws.launch(state="stopped", tagged=False)
    setup = ["--instance-id", instance_id, "--pipeline-user", "airflow"]
    seen = {"instance_id": instance_id, "empty": made(aws)}
    seen["dry run"] = run("setup_ec2_scheduler.sh", *setup, "--dry-run"), made(aws)
    seen["setup"] = run("setup_ec2_scheduler.sh", *setup), made(aws)
    seen["first schedules"] = schedules(aws)
    seen["configuration"] = [aws.client("lambda").get_function(FunctionName=name) for name in FUNCTIONS]
    seen["roles"] = {name: aws.client("iam").get_role(RoleName=name)["Role"] for name in ROLES}
    seen["tags"] = aws.client("ec2").describe_tags()["Tags"]
    seen["update"] = run("update_schedule.sh", "--stop", "21:30", "--disable"), schedules(aws)
    # neither has anything to change: they may run side by side
    with ThreadPoolExecutor() as pool:
        update = pool.submit(run, "update_schedule.sh", "--stop", "21:30", "--disable")
        setup_again = pool.submit(run, "setup_ec2_scheduler.sh", *setup)
        seen["again"] = {"update": update.result(), "setup": setup_again.result()}
    seen["schedules after"] = schedules(aws)
    aws.client("iam").put_role_policy(RoleName=ROLES[0], PolicyName="permissions", PolicyDocument=OTHER_SERVICE_ONLY)
    seen["correction"] = run("add_permissions.sh", "--instance-id", instance_id), made(aws)
    seen["permissions"] = {
        name: aws.client("iam").get_role_policy(RoleName=name, PolicyName="permissions")["PolicyDocument"]
        for name in ROLES
    }
    seen["teardown"] = run("teardown.sh", "--pipeline-user", "airflow"), made(aws)
    seen["teardown again"] = run("teardown.sh"), made(aws)
    seen["state"] = aws.state(instance_id)
    return seen


def test_a_dry_run_says_all_that_it_would_do_and_does_nothing(life):
    (code, output), after = life["dry run"]
    (_, real), _ = life["setup"]

    assert code == 0
    assert after == life["empty"]
    planned = re.findall(r"^  would (.+)$", output, re.MULTILINE)
    assert planned
    assert all(f"  {change}\n" in real for change in planned)
    assert output.endswith(f"{len(planned)} change(s) to make\n")


def test_a_setup_makes_everything(life):
    (code, output), after = life["setup"]

    assert code == 0, output
    assert after == {
        "roles": sorted(ROLES),
        "functions": FUNCTIONS,
        "logs": [f"/aws/lambda/{name}" for name in FUNCTIONS],
        "groups": [NAME],
        "schedules": [f"{NAME}-start", f"{NAME}-stop"],
        "airflow": [NAME],
    }


def test_a_second_setup_changes_nothing_and_says_so(life):
    code, output = life["again"]["setup"]

    assert code == 0, output
    assert output.endswith("nothing to change\n")


def test_the_instance_gets_the_tag_that_the_permissions_ask_for(life):
    [tag] = life["tags"]

    assert (tag["ResourceId"], tag["Key"], tag["Value"]) == (life["instance_id"], "readmission", "data-api")


def test_the_functions_know_their_instance_and_their_time(life):
    for function in life["configuration"]:
        configuration = function["Configuration"]
        assert configuration["Runtime"] == "python3.13"
        assert configuration["Timeout"] == 300
        assert configuration["Environment"]["Variables"] == {"INSTANCE_ID": life["instance_id"]}


def test_the_schedules_call_the_functions_in_lima_time(life):
    found = life["first schedules"]

    assert found["start"]["ScheduleExpression"] == "cron(55 8 * * ? *)"
    assert found["stop"]["ScheduleExpression"] == "cron(55 23 * * ? *)"
    for verb, schedule in found.items():
        assert schedule["ScheduleExpressionTimezone"] == "America/Lima"
        assert schedule["State"] == "ENABLED"
        assert schedule["Target"]["Arn"].endswith(f":function:{NAME}-{verb}-ec2-instance")
        assert schedule["Target"]["RoleArn"] == life["roles"][f"{NAME}-scheduler"]["Arn"]


def test_the_roles_trust_one_service_of_this_account_only(life):
    for name, role in life["roles"].items():
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        service = "scheduler" if name.endswith("scheduler") else "lambda"
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"


def test_the_permissions_name_the_instance_and_its_tag(life):
    for verb in ("start", "stop"):
        statements = life["permissions"][f"{NAME}-{verb}"]["Statement"]
        [change] = [each for each in statements if each["Action"] == f"ec2:{verb.title()}Instances"]
        assert change["Resource"] == f"arn:aws:ec2:us-east-1:123456789012:instance/{life['instance_id']}"
        assert change["Condition"] == {"StringEquals": {"aws:ResourceTag/readmission": "data-api"}}


def test_new_hours_change_only_what_was_given(life):
    (code, output), after = life["update"]

    assert code == 0, output
    assert after["start"]["ScheduleExpression"] == "cron(55 8 * * ? *)"
    assert after["stop"]["ScheduleExpression"] == "cron(30 21 * * ? *)"
    assert {schedule["State"] for schedule in after.values()} == {"DISABLED"}
    assert after["stop"]["Target"] == life["first schedules"]["stop"]["Target"]


def test_the_same_hours_again_change_nothing_and_say_so(life):
    code, output = life["again"]["update"]

    assert code == 0
    assert output.endswith("nothing to change\n")


def test_a_setup_after_that_keeps_the_hours(life):
    after = life["schedules after"]

    assert after["stop"]["ScheduleExpression"] == "cron(30 21 * * ? *)"
    assert after["stop"]["State"] == "DISABLED"


def test_permissions_that_were_changed_by_hand_are_corrected_and_nothing_else(life):
    (code, output), _ = life["correction"]

    assert code == 0
    assert output.endswith("\n1 change(s)\n")
    assert f"  set permissions of {ROLES[0]}\n" in output


def test_a_teardown_leaves_nothing_but_the_instance(life):
    (code, output), after = life["teardown"]

    assert code == 0, output
    assert after == life["empty"]
    assert life["state"] == "stopped"


def test_a_second_teardown_removes_nothing_and_says_so(life):
    (code, output), _ = life["teardown again"]

    assert code == 0, output
    assert output.endswith("nothing to change\n")


@pytest.mark.usefixtures("empty_aws")
def test_an_instance_that_is_not_there_stops_the_setup_before_any_change(aws):
    aws.client("iam").create_user(UserName="airflow")
    before = made(aws)

    code, output = run("setup_ec2_scheduler.sh")

    assert code == 1
    assert "exactly one instance is wanted for tag readmission=data-api, found: none" in output
    assert made(aws) == before


@pytest.mark.usefixtures("empty_aws")
def test_a_refusal_by_aws_is_not_taken_for_absence(aws, monkeypatch):
    user = aws.user(OTHER_SERVICE_ONLY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user["aws_secret_access_key"])

    code, output = run("teardown.sh")

    assert code == 1
    assert "(403) when calling the GetScheduleGroup operation" in output
    assert "unchanged" not in output
