#!/usr/bin/env bash
# Create the roles, functions, logs and schedules that start an existing EC2 instance every morning and stop it every night.
#
# usage: setup_ec2_scheduler.sh [--instance-id ID] [--tag NAME=VALUE] [--start HH:MM] [--stop HH:MM] [--timezone ZONE]
#                               [--pipeline-user USER | --pipeline-role ROLE] [--name NAME] [--region REGION]
#                               [--dry-run] [--help]
#
# --instance-id ID      the instance (default: the one with the tag)
# --tag NAME=VALUE      the tag (default: readmission=data-api); set on the instance of --instance-id
# --start, --stop       times of day (default: those of the existing schedule, else 8:55 and 23:55)
# --timezone ZONE       their time zone (default: that of the existing schedule, else America/Lima)
# --pipeline-user USER  the existing user (or role) of Airflow, which may then start the instance
# --name NAME           prefix of all names (default: readmission-data-source)
# --dry-run             only print what would be changed
#
# A second run changes nothing. teardown.sh removes everything except the instance.

# shellcheck source=aws/scripts/add_permissions.sh
source "$(dirname "${BASH_SOURCE[0]}")/add_permissions.sh"

check_instance() {
  local filter=(--filters "Name=tag:${TAG%%=*},Values=${TAG#*=}"
    "Name=instance-state-name,Values=pending,running,stopping,stopped")
  [ -z "$INSTANCE_ID" ] || filter=(--instance-ids "$INSTANCE_ID")
  local found id tag
  found=$(aws ec2 describe-instances "${filter[@]}" --output text \
    --query "Reservations[].Instances[].[InstanceId, Tags[?Key=='${TAG%%=*}'].Value | [0]]")
  [ "$(grep -c . <<<"$found")" = 1 ] || die "exactly one instance is wanted for ${INSTANCE_ID:-tag $TAG}, found: ${found:-none}"
  IFS=$'\t' read -r id tag <<<"$found"
  echo "instance $id"
  if [ "$tag" = "${TAG#*=}" ]; then
    unchanged "tag $TAG"
  else
    change "tag it $TAG" aws ec2 create-tags --resources "$id" --tags "Key=${TAG%%=*},Value=${TAG#*=}"
  fi
}

put_log_groups() {
  local retention verb name
  echo "logs"
  aws logs describe-log-groups --log-group-name-prefix "/aws/lambda/$NAME-" --output text \
    --query 'logGroups[].[logGroupName, retentionInDays]' >"$WORK/groups"
  for verb in start stop; do
    name="/aws/lambda/$NAME-$verb-ec2-instance"
    retention=$(awk -v name="$name" '$1 == name {print $2}' "$WORK/groups")
    if [ "$retention" = 30 ]; then
      unchanged "log group $name"
      continue
    fi
    [ -n "$retention" ] || change "create log group $name" aws logs create-log-group --log-group-name "$name"
    change "keep $name for 30 days" \
      aws logs put-retention-policy --log-group-name "$name" --retention-in-days 30
  done
}

put_function() {
  local verb=$1 name="$NAME-$1-ec2-instance" zip="$WORK/$1_ec2_instance.zip" sha256 found wanted configuration
  sha256=$(awk -v zip="$zip" '$1 == zip {print $2}' "$WORK/zips")
  configuration=$(function_json "$verb")
  wanted=$(python3 -c 'import json, sys; print(json.dumps(json.loads(sys.argv[1]) | {"CodeSha256": sys.argv[2]}))' \
    "$configuration" "$sha256" | canonical)
  found=$(look ResourceNotFoundException aws lambda get-function-configuration --function-name "$name" --output json \
    --query '{FunctionName: FunctionName, Description: Description, Runtime: Runtime, Handler: Handler, Role: Role,
      Timeout: Timeout, MemorySize: MemorySize, Environment: {Variables: Environment.Variables}, CodeSha256: CodeSha256}')
  if [ -z "$found" ]; then
    change "create function $name" \
      aws lambda create-function --cli-input-json "$configuration" --zip-file "fileb://$zip"
  elif [ "$(canonical <<<"$found")" = "$wanted" ]; then
    unchanged "function $name"
  else
    change "update the code of function $name" \
      aws lambda update-function-code --function-name "$name" --zip-file "fileb://$zip"
    change "wait for it" aws lambda wait function-updated --function-name "$name"
    change "update the configuration of function $name" \
      aws lambda update-function-configuration --cli-input-json "$configuration"
  fi
}

function_json() {
  python3 -c '
import json, sys
name, verb, role, instance_id, tag = sys.argv[1:]
print(json.dumps({
    "FunctionName": name,
    "Description": f"{verb} the instance of the data API",
    "Runtime": "python3.13",
    "Handler": f"{verb}_ec2_instance.handler",
    "Role": role,
    "Timeout": 300,
    "MemorySize": 128,
    "Environment": {"Variables": {"INSTANCE_ID": instance_id} if instance_id else {"EC2_INSTANCE_TAG": tag}},
}))' "$NAME-$1-ec2-instance" "$1" "$(role_arn "$NAME-$1")" "$INSTANCE_ID" "$TAG"
}

put_schedules() {
  echo "schedules"
  if [ -z "$(look ResourceNotFoundException aws scheduler get-schedule-group --name "$NAME" --query State --output text)" ]; then
    NEW_GROUP=yes
    change "create schedule group $NAME" aws scheduler create-schedule-group --name "$NAME"
  else
    unchanged "schedule group $NAME"
  fi
  put_schedule start "$START" "$(cron 8:55)"
  put_schedule stop "$STOP" "$(cron 23:55)"
}

parse_options "--instance-id --tag --start --stop --timezone --pipeline-user --pipeline-role" "$@"
identify_account
check_instance
add_permissions
put_log_groups
echo "functions"
python3 "$AWS_FOLDER/scripts/build_lambda_zips.py" "$WORK" >"$WORK/zips"
put_function start
put_function stop
put_schedules
summary
