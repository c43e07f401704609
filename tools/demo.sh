#!/usr/bin/env bash
# The main job, on real sandboxes: create, use, keep alive, go stale, archive, delete, prove gone, restore.
# Every step is checked; the exit status is 0 only if all of them held.
set -euo pipefail
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
server=
finish() {
  local status=$?
  if [ $status -ne 0 ] && [ -n "$server" ]; then
    for left in $(ask ls 2>/dev/null | jq -r '.. | .id? // empty'); do
      "$bin/mayfly" rm "$left" --no-archive --wait >/dev/null 2>&1 || true
    done
  fi
  [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }
  [ $status -eq 0 ] || { echo; echo "the demo FAILED; the server's log ends:"; tail -n 5 "$work/log" 2>/dev/null; }
  rm -rf "$work"
  exit $status
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '  $ mayfly %s\n' "$*"; "$bin/mayfly" "$@" | sed 's/^/    /'; }
ask() { "$bin/mayfly" --json "$@"; }
fail() { echo "  NOT AS IT SHOULD BE: $*"; exit 1; }
check() { if "${@:2}"; then echo "  ok: $1"; else fail "$1"; fi; }
is() { [ "$1" = "$2" ]; }
holds() { grep -qF -- "$2" <<<"$1"; }
wait_for() {
  for _ in $(seq 600); do "$@" && return 0; read -rt 0.05 <> <(:) || true; done
  return 1
}
in_state() { is "$(ask get "$1" | jq -r .state)" "$2"; }
# What is left of a sandbox on this host, apart from its archive.
host_traces() {
  { grep -h "$1" /proc/self/mountinfo || true
    find /sys/fs/cgroup -name "*$1*" 2>/dev/null
    find "$work/data" -path "$work/data/archives" -prune -o -name "*$1*" -print; } | wc -l
}

first='(if type == "array" then .[0] else . end)'
say "A server on an empty data directory"
export MAYFLY_ADMIN_KEY=demo-key-that-nobody-else-has
export MAYFLY_API_KEY=$MAYFLY_ADMIN_KEY
"$bin/mayfly" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/out" 2>"$work/log" &
server=$!
wait_for grep -q listening "$work/out" || fail "the server did not start"
MAYFLY_URL=$(grep -o 'http://[^ ]*' "$work/out"); export MAYFLY_URL
check "it listens" test -n "$MAYFLY_URL"
wait_for curl -sf "$MAYFLY_URL/readyz" -o /dev/null || fail "the server is not ready"

say "1. Create a sandbox and use it"
show create --name worker --image busybox --max-age 1h --label team=demo
worker=$(ask get worker | jq -r .id)
uid=${worker#sbx_}
show exec worker -- sh -c 'mkdir -p /job/empty && echo first > /job/a && echo second > /job/b &&
  ln -s nowhere /job/dangling && dd if=/dev/urandom of=/job/random bs=64k count=16 2>/dev/null &&
  chmod 4750 /job/a && ls -l /job'
show exec worker -- sh -c 'echo changed >> /job/b && rm /etc/passwd && rm -r /bin/vi &&
  echo written, changed and deleted'
# Every name, mode and content below the folders that were touched.
listing='cd / && find job etc bin | sort | while read f; do
  [ -f "$f" ] && [ ! -L "$f" ] && md5sum "$f"; ls -ld "$f" | cut -c1-10; echo "$f"; done'
before=$(ask exec worker -- sh -c "$listing" | jq -r .stdout)
check "the sandbox has files to lose" test "$(wc -l <<<"$before")" -gt 20

say "2. A keepalive moves the deadline"
old=$(ask get worker | jq -r .expires_at)
show keepalive worker 30m
new=$(ask get worker | jq -r .expires_at)
gain=$(( $(date -d "$new" +%s) - $(date -d "$old" +%s) ))
check "from $old to $new: 1800 s later" is "$gain" 1800

say "3. Another one goes stale, and only it"
show create --name forgotten --image busybox --label team=demo
forgotten=$(ask get forgotten | jq -r .id)
show exec forgotten -- sh -c 'echo nobody reads this > /precious'
idle() { is "$(ask cleanup stale --inactive 2s --label team=demo | jq -r '[.items[].name] | sort | join(",")')" "$1"; }
use_worker_until() { wait_for idle_while_used "$1"; }
idle_while_used() { ask exec worker -- true >/dev/null; idle "$1"; }
wait_for idle_while_used forgotten || fail "the plan never named exactly the forgotten one"
show cleanup stale --inactive 2s --label team=demo
check "a dry run deletes nothing" in_state forgotten running

say "4. Applied: archived, verified, deleted, proved absent"
ask exec worker -- true >/dev/null
plan=$(ask cleanup stale --inactive 2s --label team=demo --apply)
task=$(jq -r '.items[] | select(.name == "forgotten") | .cleanup_task_id' <<<"$plan")
check "the sweep took the forgotten one" holds "$task" clt_
check "and left the one in use" is "$(jq -r '[.items[].name] | join(",")' <<<"$plan")" forgotten
completed() { is "$(ask cleanup get "$1" | jq -r .status)" completed; }
wait_for completed "$task" || fail "the delete did not end"
show cleanup tree "$task"
steps=$(ask cleanup tree "$task" | jq -r '[.items[].status] | unique | join(",")')
check "every step is completed" is "$steps" completed
check "nothing of it is on the host" is "$(host_traces "${forgotten#sbx_}")" 0
show archive ls
archive=$(ask archive ls --sandbox "$forgotten" | jq -r "$first.id")
check "its archive was read back and verified" test "$(ask archive get "$archive" | jq -r .verified_at)" != null

say "5. The first one is deleted too, and restored into a new sandbox"
task=$(ask rm worker | jq -r "$first.cleanup_task_id")
wait_for completed "$task" || fail "the delete did not end"
check "nothing runs or is mounted for it" is "$(host_traces "$uid")" 0
archive=$(ask archive ls --sandbox "$worker" | jq -r "$first.id")
show restore "$archive" --name again
after=$(ask exec again -- sh -c "$listing" | jq -r .stdout)
check "every file is byte for byte what it was" is "$before" "$after"
deleted=$(ask exec again -- sh -c 'ls /etc/passwd /bin/vi 2>/dev/null | wc -l' | jq -r .stdout)
check "what was deleted is still deleted" is "$deleted" 0

say "6. Everything goes, and doctor agrees"
task=$(ask rm again --no-archive | jq -r "$first.cleanup_task_id")
wait_for completed "$task" || fail "the delete did not end"
show doctor
check "the host holds exactly what the database says" ask doctor >/dev/null

say "All of it held."
