#!/usr/bin/env bash
# Change when the instance is started and stopped, or pause both schedules.
#
# usage: update_schedule.sh [--start HH:MM] [--stop HH:MM] [--timezone ZONE] [--enable | --disable]
#                           [--name NAME] [--region REGION] [--dry-run] [--help]
#
# Options that are left out change nothing, and a second run changes nothing. Set the same hours for the pipeline with
# SCHEDULE_START, SCHEDULE_STOP and SCHEDULE_TIMEZONE in its environment.

# shellcheck source=aws/scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

parse_options "--start --stop --timezone --enable --disable" "$@"
identify_account
[ -n "$(look ResourceNotFoundException aws scheduler get-schedule-group --name "$NAME" --query State --output text)" ] ||
  die "there is no schedule group $NAME: run setup_ec2_scheduler.sh first"
put_schedule start "$START" "$(cron 8:55)"
put_schedule stop "$STOP" "$(cron 23:55)"
summary
