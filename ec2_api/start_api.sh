#!/usr/bin/env bash
# Start the data API's container and wait until it is healthy; safe to run again at any time.
#
# usage: start_api.sh [--update] [--help]
#
# --update  fetch the image again: pulled when DATA_API_IMAGE names one, else built from this repository
#
# From the environment: DATA_API_IMAGE, DATA_API_BIND (127.0.0.1), BATCH_SIZE, BATCH_INTERVAL_SECONDS, DATA_API_KEY,
# DATA_API_READ_KEY.

set -euo pipefail
# the base image of the build
set -a
# shellcheck source=images.env
. "$(dirname "${BASH_SOURCE[0]}")/../images.env"
set +a

compose() {
  docker compose --file "$(dirname "${BASH_SOURCE[0]}")/docker-compose.yml" "$@"
}

case ${1:-} in
  --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 0 ;;
  --update | "") ;;
  *) echo "error: unknown option $1 (see --help)" >&2; exit 2 ;;
esac

# an image that is here starts without any network
if [ "${1:-}" = --update ] || ! docker image inspect "${DATA_API_IMAGE:-readmission-data-api}" >/dev/null 2>&1; then
  if [ -n "${DATA_API_IMAGE:-}" ]; then compose pull; else compose build; fi
fi
compose up --detach --no-build --wait --wait-timeout 600
