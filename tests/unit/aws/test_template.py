import json
import re
import runpy
import string
from pathlib import Path

import pytest
import yaml

AWS = Path(__file__).parents[3] / "aws"


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: ``!Ref X`` as ``{"Ref": "X"}``."""


def short_form(loader, suffix, node):
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    return {name: loader.construct_sequence(node, deep=True)}


Loader.add_multi_constructor("!", short_form)


@pytest.fixture(scope="module")
def template():
    return yaml.load((AWS / "template.yaml").read_text(), Loader)  # noqa: S506  a SafeLoader


@pytest.fixture(scope="module")
def resources(template):
    return {name: resource.get("Properties", {}) for name, resource in template["Resources"].items()}


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_the_template_carries_the_functions_as_they_are(resources, verb):
    inline = resources[f"{verb.title()}Function"]["Code"]["ZipFile"]

    assert inline == (AWS / "lambda" / f"{verb}_ec2_instance.py").read_text()


def test_embedding_again_changes_nothing():
    embed = runpy.run_path(str(AWS / "scripts" / "embed_lambda_code.py"))["embed"]
    text = (AWS / "template.yaml").read_text()

    assert embed(text, AWS) == text


def test_the_instance_is_small_and_its_volume_encrypted(template, resources):
    [volume] = resources["Instance"]["BlockDeviceMappings"]

    assert template["Parameters"]["InstanceType"]["Default"] == "t3.micro"
    assert volume["Ebs"]["Encrypted"] is True
    assert volume["Ebs"]["VolumeType"] == "gp3"


def test_the_metadata_service_wants_a_session_token(resources):
    assert resources["Instance"]["MetadataOptions"]["HttpTokens"] == "required"


def test_only_the_given_addresses_reach_only_the_data_api(template, resources):
    [rule] = resources["SecurityGroup"]["SecurityGroupIngress"]

    assert rule["CidrIp"] == {"Ref": "AllowedCidr"}
    assert (rule["FromPort"], rule["ToPort"]) == (443, 443)
    assert "Default" not in template["Parameters"]["AllowedCidr"]
    assert template["Resources"]["WideRange"]["Condition"] == "WithWideCidr"


@pytest.mark.parametrize("cidr", ["203.0.113.7/32", "10.0.0.0/16", "192.168.1.0/24", "10.0.0.0/29"])
def test_a_range_of_addresses_is_accepted(template, cidr):
    assert re.search(template["Parameters"]["AllowedCidr"]["AllowedPattern"], cidr)


@pytest.mark.parametrize(
    "cidr", ["0.0.0.0/0", "10.0.0.0/15", "10.0.0.0/8", "10.0.0.0", "300.1.1.1/32", "::/0", "10.0.0.0/33", ""]
)
def test_a_range_wider_than_a_16_is_refused(template, cidr):
    assert not re.search(template["Parameters"]["AllowedCidr"]["AllowedPattern"], cidr)


@pytest.mark.parametrize(
    ("cidr", "taken"), [("", True), ("10.0.0.0/8", True), ("10.0.0.0/7", False), ("0.0.0.0/0", False)]
)
def test_a_wider_range_needs_its_own_parameter_which_is_empty_by_default(template, cidr, taken):
    wide = template["Parameters"]["WideCidr"]

    assert wide["Default"] == ""
    assert bool(re.search(wide["AllowedPattern"], cidr)) is taken


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("RepositoryUrl", "https://x/y' ; reboot '"),
        ("RepositoryUrl", "ssh://x/y"),
        ("RepositoryCommit", "main"),
        ("RepositoryCommit", "0" * 39 + "'"),
        ("DataApiImage", "image$(reboot)"),
    ],
)
def test_a_parameter_cannot_break_out_of_the_user_data(template, parameter, value):
    assert not re.search(template["Parameters"][parameter]["AllowedPattern"], value)


@pytest.mark.parametrize("url", ["https://token@x/y.git", "https://user:token@x/y.git"])
def test_a_repository_url_with_a_token_is_refused(template, url):
    assert not re.search(template["Parameters"]["RepositoryUrl"]["AllowedPattern"], url)


def test_the_stack_is_complete_only_when_the_instance_has_signalled(template):
    signal = template["Resources"]["Instance"]["CreationPolicy"]["ResourceSignal"]

    assert signal == {"Count": 1, "Timeout": "PT50M"}


def test_another_commit_replaces_the_instance(resources):
    [interface] = resources["Instance"]["NetworkInterfaces"]

    assert "${RepositoryCommit}" in interface["Description"]["Fn::Sub"]


def test_the_read_key_is_made_by_aws_and_is_not_in_the_user_data(template, resources):
    script = resources["Instance"]["UserData"]["Fn::Base64"]["Fn::Sub"]

    assert resources["ReadKey"]["GenerateSecretString"]["PasswordLength"] >= 32
    assert "resolve:secretsmanager" not in script
    assert "ReadKey" not in template["Parameters"]


def test_the_instance_may_read_its_key_write_two_parameters_and_signal_its_stack(resources):
    [policy] = resources["InstanceRole"]["Policies"]
    allowed = {each["Action"]: plain(each["Resource"]) for each in policy["PolicyDocument"]["Statement"]}

    parameter = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}"
    assert allowed == {
        "secretsmanager:GetSecretValue": "${ReadKey}",
        "ssm:PutParameter": [f"{parameter}/certificate", f"{parameter}/failure"],
        "cloudformation:SignalResource": (
            "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${AWS::StackName}/*"
        ),
    }


def test_the_user_data_uses_files_of_the_repository(resources):
    script = resources["Instance"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    used = re.findall(r"/opt/readmission/(\S+)", script)

    assert used
    assert all((AWS.parent / path).is_file() for path in used)


def test_both_schedules_are_in_lima_time(template, resources):
    parameters = template["Parameters"]

    assert parameters["StartExpression"]["Default"] == "cron(55 8 * * ? *)"
    assert parameters["StopExpression"]["Default"] == "cron(55 23 * * ? *)"
    assert parameters["ScheduleTimezone"]["Default"] == "America/Lima"
    for name in ("StartSchedule", "StopSchedule"):
        assert resources[name]["ScheduleExpressionTimezone"] == {"Ref": "ScheduleTimezone"}


FILLED = {
    "AccountId": "${AWS::AccountId}",
    "Partition": "${AWS::Partition}",
    "Region": "${AWS::Region}",
    "Name": "${AWS::StackName}",
    "Instance": "${Instance}",
    "TagName": "readmission",
    "TagValue": "${AWS::StackName}",
}


def statements_of_file(name):
    text = string.Template((AWS / "policies" / name).read_text()).substitute(FILLED)
    return json.loads(text)["Statement"]


def plain(value):
    """``{"Ref": "X"}`` and ``{"Fn::Sub": text}`` as the text that they stand for."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return f"${{{value['Ref']}}}"
    if "Fn::Sub" in value:
        return value["Fn::Sub"]
    return {key: plain(item) for key, item in value.items()}


def statements_of(*documents):
    return [plain(statement) for document in documents for statement in document["Statement"]]


def test_the_template_gives_the_permissions_of_the_policy_files(resources):
    inline = {name: resources[name]["Policies"][0]["PolicyDocument"] for name in ("StartRole", "StopRole")}
    pipeline = resources["PipelinePolicy"]["PolicyDocument"]

    assert statements_of(pipeline) == statements_of_file("pipeline_policy.json")
    assert statements_of(pipeline, inline["StartRole"]) == statements_of_file("start_policy.json")
    assert statements_of(inline["StopRole"]) == statements_of_file("stop_policy.json")
    assert resources["StartRole"]["ManagedPolicyArns"] == [{"Ref": "PipelinePolicy"}]


def test_the_template_trusts_whom_the_policy_files_trust(resources):
    for role, file in {
        "StartRole": "lambda_trust.json",
        "StopRole": "lambda_trust.json",
        "SchedulerRole": "scheduler_trust.json",
    }.items():
        assert statements_of(resources[role]["AssumeRolePolicyDocument"]) == statements_of_file(file)


def test_the_scheduler_may_invoke_the_two_functions_only(resources):
    [statement] = resources["SchedulerRole"]["Policies"][0]["PolicyDocument"]["Statement"]

    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"] == [{"Fn::GetAtt": f"{verb}Function.Arn"} for verb in ("Start", "Stop")]


@pytest.mark.parametrize("path", sorted((AWS / "policies").glob("*_policy.json")), ids=lambda path: path.stem)
def test_only_looking_at_instances_is_allowed_on_everything(path):
    for statement in json.loads(path.read_text())["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        assert not any("*" in action for action in actions)
        if statement["Resource"] == "*":
            assert actions == ["ec2:DescribeInstances"]
        if actions[0] in {"ec2:StartInstances", "ec2:StopInstances"}:
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/${TagName}": "${TagValue}"}}
