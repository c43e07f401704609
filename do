#!/usr/bin/env bash
# The front door. Each command sets up what it needs by itself.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'TEXT'
./do setup           install the Debian packages that building and testing need
./do build           release programs in build/release/bin
./do build test      the same with failpoints and the test clock, in build/test/bin
./do demo            the main job on real sandboxes, every step checked
./do test            everything that must pass: code rules, unit, conformance, real sandboxes, simulation, kill -9
./do test asan|tsan  the same programs under sanitizers
./do test long MINUTES  fresh seeds, kills, races and made-up calls for so long; the sums of all runs stand in build/
./do fuzz SECONDS    each target of tests/fuzz for so long under clang's libFuzzer; finds are kept in its corpus
./do coverage        branch coverage of src/core by its own tests; fails below 95 %
./do mutants         plants each bug of tests/mutants; the tests named there must see it
./do bench [PART...]  figures beside raw crun, tar and bullmq, as ratios: life, archive, idle, pool, asleep, hostile,
                     cleanup, list
./do lint            formatting, static analysis and code rules
TEXT
}

packages=(
  g++ cmake ninja-build ccache mold git ca-certificates pkg-config python3 python3-yaml
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libsqlite3-dev libcurl4-openssl-dev libarchive-dev
  libzstd-dev libssl-dev libseccomp-dev libfmt-dev libspdlog-dev libtomlplusplus-dev libcli11-dev libexpected-dev
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  crun nftables busybox-static nginx-light sqlite3 zstd curl jq iproute2 procps util-linux mount e2fsprogs
  debootstrap debian-archive-keyring
  spin
)

setup() { install "${packages[@]}"; }

install() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" = 0 ] || { echo "do: these packages are missing, and installing them needs root: ${missing[*]}" >&2; exit 1; }
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
  local preset=${1:-release}
  setup
  export CCACHE_SLOPPINESS=pch_defines,time_macros
  cmake --preset "$preset" >/dev/null
  ninja -C "build/$preset" "${@:2}"
}

test_all() {
  local preset=${1:-test}
  build "$preset" | tail -n 3
  # Real sandboxes are slow under a sanitizer's eyes, not wrong: the same tests, more patience.
  export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:quarantine_size_mb=8 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1:die_after_fork=0
  export GTEST_BRIEF=1   # what failed, not what passed
  export RC_PARAMS=${RC_PARAMS-seed=7}   # the same stories each time; RC_PARAMS= draws fresh ones
  export MAYFLY_SEEDS=${MAYFLY_SEEDS:-$([ "$preset" = test ] && echo 20000 || echo 200)}
  export MAYFLY_RACES=${MAYFLY_RACES:-$([ "$preset" = test ] && echo 1000000 || echo 5000)}
  export MAYFLY_ARCHIVE_TRIALS=${MAYFLY_ARCHIVE_TRIALS:-$([ "$preset" = test ] && echo 10000 || echo 500)}
  ctest --test-dir "build/$preset" --output-on-failure --timeout 1800 --parallel "$(nproc)" "${@:2}"
}

# Half of the time on simulated hosts, half on this one. Each run adds to the sums, which are printed last.
test_long() {
  build test | tail -n 1
  local half=$((($1 + 1) / 2))
  export GTEST_BRIEF=1 MAYFLY_MINUTES=$half MAYFLY_TALLY=build/simulation.tally MAYFLY_TOTALS=build/real.totals
  MAYFLY_RACES=1000000 MAYFLY_ARCHIVE_TRIALS=10000 build/test/bin/test_simulation \
    --gtest_filter='Simulation.GoesOn*:Races.*:ArchiveTrials.*' || exit 1
  MAYFLY_POWER_CUTS=1000 build/test/bin/test_store --gtest_filter='PowerCut.*' || exit 1
  for ((SECONDS = 0; SECONDS < half * 60; )); do
    MAYFLY_KILLS=50 MAYFLY_CRASH_PAIRS=10 MAYFLY_REAL_RACES=5000 MAYFLY_API_FUZZ_SECONDS=20 build/test/bin/test_e2e \
      --gtest_filter='RandomKill.*:CrashPairs.*:Races.*:ApiFuzz.*' || exit 1
  done
  awk '{ for (i = 1; i <= 9; ++i) sum[i] += $i }
       END { printf "simulated, in %d runs: %d seeds, %d events, %.1f virtual years, %d crashes, %d keepalives, %d at the last " \
                    "moment, %d archives, %d workspaces destroyed, %d runs with violations\n", NR, sum[1], sum[2],
                    sum[3] / 31557600000000, sum[4], sum[5], sum[6], sum[7], sum[8], sum[9] }' "$MAYFLY_TALLY"
  echo "real:" && cat "$MAYFLY_TOTALS"
}

# What it finds is kept as an input of the corpus, which the tests replay; what it merely learns goes to build/fuzz.
fuzz() {
  local seconds=$1 failed=0
  install clang-19 libclang-rt-19-dev llvm-19
  build fuzz fuzz | tail -n 1
  for target in http json layer agent words query; do
    local corpus=tests/fuzz/corpus/$target learnt=build/fuzz/learnt/$target log=build/fuzz/$target.log
    mkdir -p "$learnt"
    # Folders that are unpacked into are on the fast disk of the machine, if it has one.
    TMPDIR=$([ -w /dev/shm ] && echo /dev/shm || echo /tmp) ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
      "build/fuzz/bin/fuzz_$target" -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=2000 \
      -print_final_stats=1 -artifact_prefix="$corpus/found_" "$learnt" "$corpus" >"$log" 2>&1 || failed=1
    awk -v target="$target" '/stat::number_of_executed_units/ {runs=$2} /Test unit written to/ {found=found " " $NF}
      END {printf "%-6s %10d execs, %s\n", target, runs, found ? "found" found : "nothing found"}' "$log"
  done
  return $failed
}

coverage() {
  setup
  install gcovr
  build coverage test_core | tail -n 1
  find build/coverage -name '*.gcda' -delete
  build/coverage/bin/test_core --gtest_brief=1
  # Left out: branches that only an exception takes. The preset compiles core without them for that reason.
  gcovr --root . --filter 'src/core/.*\.cc' --branches --exclude-throw-branches --exclude-unreachable-branches \
    --fail-under-branch 95 build/coverage
}

# The peer of the part "cleanup": a queue on a Redis that syncs each write. Without it the figures stand alone.
bench_peers() {
  [ $# -gt 0 ] && [[ " $* " != *" cleanup "* ]] && return
  install redis-server nodejs npm
  local folder=build/bench-peers
  mkdir -p "$folder"
  [ -d "$folder/node_modules/bullmq" ] && [ -d "$folder/node_modules/ioredis" ] ||
    npm install --prefix "$folder" --no-audit --no-fund bullmq ioredis >"$folder/npm.log" 2>&1 ||
    echo "bullmq cannot be installed; see $folder/npm.log" >&2
  export MAYFLY_BENCH_PEERS=$PWD/$folder
}

lint() {
  install "${packages[@]}" clang-tidy clang-format
  /usr/bin/python3 tools/tidy.py
  # For information: the code is formatted by people, with these hints.
  git ls-files '*.cc' '*.h' | xargs clang-format --dry-run 2>&1 | grep -c warning: | sed 's/$/ formatting hints/' || true
  # clang reads no precompiled headers of g++, and knows not all of its warnings.
  cmake --preset dev -B build/lint -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
  git ls-files 'src/core/*.cc' 'src/app/*.cc' |
    xargs -P "$(nproc)" -n 4 clang-tidy -p build/lint --quiet --extra-arg=-Wno-unknown-warning-option
}

case "${1:-}" in
  setup) setup ;;
  build) build "${2:-release}" ;;
  demo) build release | tail -n 1; exec tools/demo.sh build/release/bin ;;
  test) if [ "${2:-}" = long ]; then test_long "${3:?how many minutes?}"; else test_all "${2:-test}" "${@:3}"; fi ;;
  bench) build release | tail -n 1; bench_peers "${@:2}"; exec tools/bench.sh build/release/bin "${@:2}" ;;
  fuzz) fuzz "${2:?how many seconds for each target}" ;;
  coverage) coverage ;;
  mutants) setup; exec /usr/bin/python3 tools/mutants.py "${@:2}" ;;
  lint) lint ;;
  *) usage; [ -z "${1:-}" ] || exit 2 ;;
esac
