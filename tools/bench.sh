#!/usr/bin/env bash
# Figures on this machine, beside peers in the same run.
set -euo pipefail
bin=$(cd "$1" && pwd)
exec "$bin/mayfly-bench" "$bin" "${@:2}"
