"""The template, deployed twice and deleted by the real AWS CLI.

moto's CloudFormation does not know four of our resources: small classes hand them to moto's own services.
"""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from moto.cloudformation import cloudformation_backends, parsing
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.common_models import CloudFormationModel
from moto.ec2 import ec2_backends
from moto.scheduler.models import scheduler_backends
from moto.secretsmanager import secretsmanager_backends
from moto.ssm import ssm_backends

TEMPLATE = Path(__file__).parents[3] / "aws" / "template.yaml"
STACK = "readmission-data-source"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


# moto files a resource under the service that its module is named after
SERVICE = "moto.scheduler.models"


class NamedResource:
    def __init__(self, name):
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type():
        return "Name"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "Arn"

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, *_args, **_more):
        return original_resource

    def is_created(self):
        return True


class ScheduleGroup(NamedResource, CloudFormationModel):
    __module__ = SERVICE

    @staticmethod
    def cloudformation_type():
        return "AWS::Scheduler::ScheduleGroup"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, _json, account_id, region_name, **_):
        scheduler_backends[account_id][region_name].create_schedule_group(resource_name, [])
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, _json, account_id, region_name):
        scheduler_backends[account_id][region_name].delete_schedule_group(resource_name)


class Schedule(NamedResource, CloudFormationModel):
    __module__ = SERVICE

    @staticmethod
    def cloudformation_type():
        return "AWS::Scheduler::Schedule"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        given = cloudformation_json["Properties"]
        scheduler_backends[account_id][region_name].create_schedule(
            name=resource_name,
            group_name=given["GroupName"],
            description=given["Description"],
            schedule_expression=given["ScheduleExpression"],
            schedule_expression_timezone=given["ScheduleExpressionTimezone"],
            state=given["State"],
            flexible_time_window=given["FlexibleTimeWindow"],
            target=given["Target"],
            start_date=None,
            end_date=None,
            kms_key_arn=None,
            action_after_completion=None,
        )
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, _json, account_id, region_name):
        """Goes with its group."""


class Secret(NamedResource, CloudFormationModel):
    __module__ = "moto.secretsmanager.models"

    @staticmethod
    def cloudformation_type():
        return "AWS::SecretsManager::Secret"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, _json, account_id, region_name, **_):
        backend = secretsmanager_backends[account_id][region_name]
        backend.create_secret(resource_name, "made by Secrets Manager", None, "", None, None, None, [], False)
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, _json, account_id, region_name):
        secretsmanager_backends[account_id][region_name].delete_secret(resource_name, None, True)


class AddressOfInstance(CloudFormationModel):
    __module__ = "moto.ec2.models"

    def __init__(self, association_id):
        self.physical_resource_id = association_id

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::EC2::EIPAssociation"

    @classmethod
    def create_from_cloudformation_json(cls, _name, cloudformation_json, account_id, region_name, **_):
        given, backend = cloudformation_json["Properties"], ec2_backends[account_id][region_name]
        instance = backend.get_instance(given["InstanceId"])
        address = backend.associate_address(instance=instance, allocation_id=given["AllocationId"])
        return cls(address.association_id)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, *_args, **_more):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, _json, account_id, region_name):
        """Goes with its address."""

    def is_created(self):
        return True


def cli(*arguments):
    program = Path(sys.executable).parent / "aws"
    done = subprocess.run(
        [str(program), "cloudformation", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "AWS_PAGER": ""},
    )
    return done.returncode, done.stdout


def deploy(*overrides):
    return cli(
        "deploy",
        "--template-file",
        str(TEMPLATE),
        "--stack-name",
        STACK,
        "--capabilities",
        "CAPABILITY_IAM",
        "--no-fail-on-empty-changeset",
        "--parameter-overrides",
        *overrides,
    )


@pytest.fixture(scope="module")
def stack(aws):
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()
    aws.client("ssm").put_parameter(Name="/test/ubuntu", Value="ami-12c6146b", Type="String")
    # moto has none of Canonical's public parameters, and nobody may write one
    parameters = ssm_backends[DEFAULT_ACCOUNT_ID][aws.client("ssm").meta.region_name]._parameters
    parameters[UBUNTU] = parameters["/test/ubuntu"]
    given = (
        "AllowedCidr=203.0.113.7/32",
        "RepositoryUrl=https://example.org/readmission.git",
        f"RepositoryCommit={COMMIT}",
    )
    seen = {"deploy": deploy(*given), "instances": instances(aws)}
    seen["deploy again"] = deploy(*given), instances(aws)
    # moto works out the outputs before a change set makes the resources that they speak of
    deployed = cloudformation_backends[DEFAULT_ACCOUNT_ID][aws.client("ssm").meta.region_name].get_stack(STACK)
    deployed._parse_template()
    deployed.output_map = deployed._create_output_map()
    described = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    seen["outputs"] = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    seen["resources"] = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in aws.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        # moto also lists a resource whose condition is false, without a name
        if "LogicalResourceId" in resource
    }
    seen["schedules"] = [
        aws.client("scheduler").get_schedule(GroupName=STACK, Name=f"{STACK}-{verb}") for verb in ("start", "stop")
    ]
    seen["functions"] = [
        aws.client("lambda").get_function(FunctionName=f"{STACK}-{verb}-ec2-instance") for verb in ("start", "stop")
    ]
    seen["groups"] = aws.client("ec2").describe_security_groups(GroupIds=[seen["resources"]["SecurityGroup"]])
    seen["user data"] = aws.client("ec2").describe_instance_attribute(
        InstanceId=seen["outputs"]["InstanceId"], Attribute="userData"
    )
    secrets = aws.client("secretsmanager")
    seen["read key"] = secrets.get_secret_value(SecretId=seen["outputs"]["ReadKeySecret"])["SecretString"]
    seen["delete"] = cli("delete-stack", "--stack-name", STACK)
    seen["state"] = aws.state(seen["outputs"]["InstanceId"])
    # not the address: moto forgets to release it
    seen["left"] = {
        "functions": aws.client("lambda").list_functions()["Functions"],
        "schedules": aws.client("scheduler").list_schedules()["Schedules"],
        "roles": aws.client("iam").list_roles()["Roles"],
        "logs": aws.client("logs").describe_log_groups()["logGroups"],
        "profiles": aws.client("iam").list_instance_profiles()["InstanceProfiles"],
        "secrets": aws.client("secretsmanager").list_secrets()["SecretList"],
    }
    return seen


def instances(aws):
    found = aws.client("ec2").describe_instances()["Reservations"]
    return [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]


def test_one_command_makes_the_whole_source(stack):
    code, output = stack["deploy"]

    assert code == 0, output
    assert "Successfully created/updated stack" in output
    assert set(stack["outputs"]) == {
        "DataApiUrl", "InstanceId", "PipelinePolicyArn", "ReadKeySecret", "CertificateParameter"
    }  # fmt: skip


def test_deploying_again_leaves_the_same_instance(stack):
    (_, output), after = stack["deploy again"]

    assert "No updates are to be performed" in output
    assert after == stack["instances"] == [stack["outputs"]["InstanceId"]]


def test_the_url_is_the_lasting_address(stack):
    assert stack["outputs"]["DataApiUrl"] == f"https://{stack['resources']['Address']}"


def test_the_functions_know_the_instance(stack):
    for function in stack["functions"]:
        variables = function["Configuration"]["Environment"]["Variables"]
        assert variables == {"INSTANCE_ID": stack["outputs"]["InstanceId"]}


def test_the_schedules_invoke_the_functions(stack):
    for schedule, function in zip(stack["schedules"], stack["functions"], strict=True):
        assert schedule["Target"]["Arn"] == function["Configuration"]["FunctionArn"]
        assert schedule["ScheduleExpressionTimezone"] == "America/Lima"


def test_the_security_group_is_open_to_the_given_address_only(stack):
    [group] = stack["groups"]["SecurityGroups"]

    assert [(rule["FromPort"], rule["IpRanges"][0]["CidrIp"]) for rule in group["IpPermissions"]] == [
        (443, "203.0.113.7/32")
    ]


def test_the_user_data_fetches_the_given_commit_and_knows_the_address(stack):
    script = base64.b64decode(stack["user data"]["UserData"]["Value"]).decode()

    assert f"fetch --depth 1 'https://example.org/readmission.git' '{COMMIT}'" in script
    assert f"https://{stack['resources']['Address']}/health" in script


def test_the_user_data_does_not_hold_the_read_key(stack):
    script = base64.b64decode(stack["user data"]["UserData"]["Value"]).decode()

    assert stack["read key"] == "made by Secrets Manager"
    assert stack["read key"] not in script


def test_one_command_removes_it(stack):
    code, output = stack["delete"]

    assert code == 0, output
    assert stack["state"] == "terminated"
    assert stack["left"] == {"functions": [], "schedules": [], "roles": [], "logs": [], "profiles": [], "secrets": []}


@pytest.mark.usefixtures("stack")
def test_a_deployment_without_an_address_range_is_refused():
    code, output = deploy("RepositoryUrl=https://example.org/readmission.git")

    assert code != 0
    assert "AllowedCidr" in output
