#!/usr/bin/env bash
# Figures on this machine, beside peers in the same run.
set -euo pipefail
bin=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)
parts=("${@:2}")
if [ ${#parts[@]} -eq 0 ] || [[ " ${parts[*]} " == *" cleanup "* ]]; then
  "$bin/mayfly-bench-cleanup" "$bin" "$source" "${MAYFLY_BENCH_PEERS:-}"
  [ ${#parts[@]} -eq 1 ] && exit 0
fi
exec "$bin/mayfly-bench" "$bin" "${parts[@]}"
