#!/usr/bin/env bash
# Remove everything that setup_ec2_scheduler.sh and add_permissions.sh created. The instance is not changed.
#
# usage: teardown.sh [--pipeline-user USER | --pipeline-role ROLE] [--name NAME] [--region REGION] [--dry-run] [--help]
#
# --pipeline-user USER  also remove the permission of this user (or role) to start the instance
#
# A second run changes nothing. To remove the CloudFormation stack, use aws cloudformation delete-stack.

# shellcheck source=aws/scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

# remove TEXT ERROR-CODE "read..." delete...: reads first, so that a dry run knows what exists
remove() {
  local text=$1 absent=$2 found
  local -a read
  IFS=' ' read -r -a read <<<"$3"
  shift 3
  found=$(look "$absent" aws "${read[@]}" --output text)
  if [ -z "$found" ]; then
    unchanged "no $text"
  else
    change "delete $text" "$@"
  fi
}

delete_role() {
  look NoSuchEntity aws iam delete-role-policy --role-name "$1" --policy-name permissions
  aws iam delete-role --role-name "$1"
}

delete_log_groups() {
  local group
  while read -r group; do aws logs delete-log-group --log-group-name "$group"; done <"$WORK/groups"
}

parse_options "--pipeline-user --pipeline-role" "$@"
identify_account
# deleting the group deletes its schedules
remove "schedule group $NAME" ResourceNotFoundException "scheduler get-schedule-group --name $NAME" \
  aws scheduler delete-schedule-group --name "$NAME"
for function in "$NAME-start-ec2-instance" "$NAME-stop-ec2-instance"; do
  remove "function $function" ResourceNotFoundException "lambda get-function-configuration --function-name $function" \
    aws lambda delete-function --function-name "$function"
done
aws logs describe-log-groups --log-group-name-prefix "/aws/lambda/$NAME-" --output text \
  --query "logGroups[?ends_with(logGroupName, '-ec2-instance')].[logGroupName]" >"$WORK/groups"
if [ -s "$WORK/groups" ]; then
  change "delete $(grep -c . "$WORK/groups") log group(s)" delete_log_groups
else
  unchanged "no log groups"
fi
for role in "$NAME-start" "$NAME-stop" "$NAME-scheduler"; do
  remove "role $role" NoSuchEntity "iam get-role --role-name $role" delete_role "$role"
done
if [ -n "$PIPELINE_NAME" ]; then
  remove "permissions of $PIPELINE_NAME" NoSuchEntity \
    "iam get-$PIPELINE_KIND-policy --$PIPELINE_KIND-name $PIPELINE_NAME --policy-name $NAME" \
    aws iam "delete-$PIPELINE_KIND-policy" "--$PIPELINE_KIND-name" "$PIPELINE_NAME" --policy-name "$NAME"
fi
summary
