#!/usr/bin/env bash
# Create or correct the roles of the EC2 scheduler: one for each function, one for EventBridge Scheduler.
#
# usage: add_permissions.sh [--instance-id ID] [--tag NAME=VALUE] [--name NAME] [--region REGION]
#                           [--pipeline-user USER | --pipeline-role ROLE] [--dry-run] [--help]
#
# --instance-id ID      the only instance that the roles may control (default: every instance with the tag)
# --tag NAME=VALUE      the tag that the instance must always have (default: readmission=data-api)
# --pipeline-user USER  the existing user (or role) of Airflow, which may then start the instance
# --name NAME           prefix of all names (default: readmission-data-source)
# --dry-run             only print what would be changed
#
# It needs only IAM permissions. setup_ec2_scheduler.sh calls it. A second run changes nothing.

# shellcheck source=aws/scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

put_role() {
  local name=$1 trust found document
  trust=$(policy "$2")
  document=$(policy "$3")
  found=$(look NoSuchEntity aws iam get-role --role-name "$name" --query Role.AssumeRolePolicyDocument --output json)
  if [ -z "$found" ]; then
    change "create role $name" aws iam create-role --role-name "$name" --assume-role-policy-document "$trust"
    write_policy role "$name" permissions "$document"
    return
  elif [ "$(canonical <<<"$found")" != "$trust" ]; then
    change "correct who may assume role $name" \
      aws iam update-assume-role-policy --role-name "$name" --policy-document "$trust"
  else
    unchanged "role $name"
  fi
  put_policy role "$name" permissions "$document"
}

# put_policy role|user WHOSE POLICY-NAME DOCUMENT
put_policy() {
  local kind=$1 whose=$2 name=$3 document=$4 found
  found=$(look NoSuchEntity aws iam "get-$kind-policy" "--$kind-name" "$whose" --policy-name "$name" \
    --query PolicyDocument --output json)
  if [ -n "$found" ] && [ "$(canonical <<<"$found")" = "$document" ]; then
    unchanged "permissions of $whose"
    return
  fi
  write_policy "$@"
}

write_policy() {
  change "set permissions of $2" \
    aws iam "put-$1-policy" "--$1-name" "$2" --policy-name "$3" --policy-document "$4"
}

add_permissions() {
  echo "permissions"
  put_role "$NAME-start" lambda_trust.json start_policy.json
  put_role "$NAME-stop" lambda_trust.json stop_policy.json
  put_role "$NAME-scheduler" scheduler_trust.json scheduler_policy.json
  if [ -n "$PIPELINE_NAME" ]; then
    put_policy "$PIPELINE_KIND" "$PIPELINE_NAME" "$NAME" "$(policy pipeline_policy.json)"
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  parse_options "--instance-id --tag --pipeline-user --pipeline-role" "$@"
  identify_account
  add_permissions
  summary
fi
