# shellcheck shell=bash
# shellcheck disable=SC2034  # several variables are used only by the scripts that source this file
# Functions of the scripts in this folder: they read options, compare before a change, and print what was done.

set -euo pipefail
export AWS_PAGER=""

AWS_FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

NAME=${NAME:-readmission-data-source}
REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
INSTANCE_ID=${INSTANCE_ID:-}
TAG=${EC2_INSTANCE_TAG:-readmission=data-api}
DRY_RUN=""
START="" STOP="" TIMEZONE="" STATE=""
PIPELINE_KIND="" PIPELINE_NAME=""
NEW_GROUP=""
CHANGES=0

usage() {
  # the comment at the top of the script that was called
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

die() {
  echo "error: $*" >&2
  exit 1
}

# parse_options "--dry-run --tag ..." "$@": accepts the options in the first argument and refuses all others
parse_options() {
  local accepted=" $1 --help --dry-run --name --region " value
  shift
  while [ $# -gt 0 ]; do
    if [[ $accepted != *" $1 "* ]]; then
      usage >&2
      echo "error: unknown option $1" >&2
      exit 2
    fi
    case $1 in
      --help) usage; exit 0 ;;
      --dry-run) DRY_RUN=yes; shift; continue ;;
      --enable) STATE=ENABLED; shift; continue ;;
      --disable) STATE=DISABLED; shift; continue ;;
    esac
    value=${2:-}
    [[ -n $value && $value != --* ]] || die "$1 needs a value"
    case $1 in
      --name) NAME=$value ;;
      --region) REGION=$value ;;
      --instance-id) INSTANCE_ID=$value ;;
      --tag) TAG=$value ;;
      --start) START=$(cron "$value") ;;
      --stop) STOP=$(cron "$value") ;;
      --timezone) TIMEZONE=$value ;;
      --pipeline-user | --pipeline-role) PIPELINE_KIND=${1#--pipeline-} PIPELINE_NAME=$value ;;
    esac
    shift 2
  done
  check_settings
}

check_settings() {
  [ -n "$REGION" ] || die "no region: pass --region or set AWS_REGION"
  [[ $NAME =~ ^[A-Za-z0-9-]{1,40}$ ]] || die "--name is letters, digits and hyphens, 40 at most"
  [[ $TAG =~ ^[^=]+=.+$ ]] || die "--tag is name=value"
  [[ -z $INSTANCE_ID || $INSTANCE_ID =~ ^i-[0-9a-f]+$ ]] || die "--instance-id looks like i-0123456789abcdef0"
  command -v aws >/dev/null || die "the AWS CLI is not installed"
  command -v python3 >/dev/null || die "python3 is not installed"
  export AWS_DEFAULT_REGION=$REGION
}

# 8:55 -> cron(55 8 * * ? *)
cron() {
  [[ $1 =~ ^([01]?[0-9]|2[0-3]):([0-5][0-9])$ ]] || die "not a time of day: $1 (wanted: HH:MM)"
  echo "cron($((10#${BASH_REMATCH[2]})) $((10#${BASH_REMATCH[1]})) * * ? *)"
}

# Sets ACCOUNT and PARTITION. Without valid credentials the script ends here, before any change.
identify_account() {
  local arn
  arn=$(aws sts get-caller-identity --query Arn --output text)
  IFS=: read -r _ PARTITION _ _ ACCOUNT _ <<<"$arn"
  echo "account $ACCOUNT, region $REGION${DRY_RUN:+ (dry run: nothing is changed)}"
}

role_arn() {
  echo "arn:$PARTITION:iam::$ACCOUNT:role/$1"
}

# look ERROR-CODE command...: prints its output, or nothing when it fails with this code; other errors end the script
look() {
  local absent=$1
  shift
  if ! "$@" 2>"$WORK/error"; then
    grep -q "($absent)" "$WORK/error" || { cat "$WORK/error" >&2; exit 1; }
  fi
}

# change TEXT command...: prints TEXT and runs the command; a dry run only prints
change() {
  local text=$1
  shift
  CHANGES=$((CHANGES + 1))
  if [ -n "$DRY_RUN" ]; then
    echo "  would $text"
    return
  fi
  echo "  $text"
  patiently "$@" >/dev/null
}

# a new role takes up to a minute to be known everywhere, so errors about it are tried again
patiently() {
  local attempt
  for attempt in {1..12}; do
    if "$@" 2>"$WORK/error"; then return; fi
    if [ "$attempt" = 12 ] || ! grep -qE "cannot be assumed|assume the role" "$WORK/error"; then
      cat "$WORK/error" >&2
      exit 1
    fi
    sleep 5
  done
}

unchanged() {
  echo "  unchanged: $1"
}

summary() {
  if [ "$CHANGES" = 0 ]; then
    echo "nothing to change"
  else
    echo "$CHANGES change(s)${DRY_RUN:+ to make}"
  fi
}

# canonical < json: prints the document in one fixed format, so that texts can be compared
canonical() {
  python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True, separators=(",", ":")))'
}

# policy FILE: prints a document of aws/policies with its placeholders replaced
policy() {
  AccountId=$ACCOUNT Partition=$PARTITION Region=$REGION Name=$NAME Instance=${INSTANCE_ID:-*} \
    TagName=${TAG%%=*} TagValue=${TAG#*=} python3 -c '
import os, string, sys
print(string.Template(open(sys.argv[1], encoding="utf-8").read()).substitute(os.environ))' \
    "$AWS_FOLDER/policies/$1" | canonical
}

# put_schedule VERB EXPRESSION DEFAULT: without EXPRESSION, a schedule keeps its own; a new one gets DEFAULT
put_schedule() {
  local verb=$1 expression=$2 default=$3 name="$NAME-$1" found="" wanted action=create-schedule
  [ -n "$NEW_GROUP" ] || found=$(look ResourceNotFoundException aws scheduler get-schedule --group-name "$NAME" --name "$name" --output json \
    --query '{GroupName: GroupName, Name: Name, Description: Description, ScheduleExpression: ScheduleExpression,
      ScheduleExpressionTimezone: ScheduleExpressionTimezone, State: State, FlexibleTimeWindow: FlexibleTimeWindow,
      Target: Target}')
  wanted=$(schedule_json "$verb" "$expression" "$default" <<<"$found")
  if [ -n "$found" ]; then
    [ "$wanted" != "$(canonical <<<"$found")" ] || { unchanged "schedule $name"; return; }
    action=update-schedule
  fi
  change "${action%-schedule} schedule $name: $(schedule_words <<<"$wanted")" \
    aws scheduler "$action" --cli-input-json "$wanted"
}

schedule_json() {
  local function_arn="arn:$PARTITION:lambda:$REGION:$ACCOUNT:function:$NAME-$1-ec2-instance"
  python3 -c '
import json, sys
text = sys.stdin.read().strip()
found = json.loads(text) if text else {}
group, verb, expression, default, timezone, state, function_arn, role_arn = sys.argv[1:]
print(json.dumps({
    "GroupName": group,
    "Name": f"{group}-{verb}",
    "Description": f"{verb} the instance of the data API",
    "ScheduleExpression": expression or found.get("ScheduleExpression") or default,
    "ScheduleExpressionTimezone": timezone or found.get("ScheduleExpressionTimezone") or "America/Lima",
    "State": state or found.get("State") or "ENABLED",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": function_arn,
        "RoleArn": role_arn,
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5},
    },
}, sort_keys=True, separators=(",", ":")))' \
    "$NAME" "$1" "$2" "$3" "$TIMEZONE" "$STATE" "$function_arn" "$(role_arn "$NAME-scheduler")"
}

schedule_words() {
  python3 -c '
import json, sys
wanted = json.load(sys.stdin)
print(wanted["ScheduleExpression"], wanted["ScheduleExpressionTimezone"], wanted["State"].lower())'
}
