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
./do fuzz SECONDS    each target of tests/fuzz for so long under clang's libFuzzer; finds are kept in its corpus
./do coverage        branch coverage of src/core by its own tests; fails below 95 %
./do mutants         plants each bug of tests/mutants; the tests named there must see it
./do bench [PART...]  figures beside raw crun and tar, as ratios: life, archive, idle, pool, asleep, hostile
./do lint            formatting, static analysis and code rules
TEXT
}

packages=(
  g++ cmake ninja-build ccache mold git ca-certificates pkg-config python3 python3-yaml
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libsqlite3-dev libcurl4-openssl-dev libarchive-dev
  libzstd-dev libssl-dev libseccomp-dev libfmt-dev libspdlog-dev libtomlplusplus-dev libcli11-dev libexpected-dev
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  crun nftables busybox-static nginx-light zstd curl jq iproute2 procps util-linux mount e2fsprogs
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
  export MAYFLY_SEEDS=${MAYFLY_SEEDS:-$([ "$preset" = test ] && echo 2000 || echo 200)}
  ctest --test-dir "build/$preset" --output-on-failure --timeout 1800 "${@:2}"
}

# What it finds is kept as an input of the corpus, which the tests replay; what it merely learns goes to build/fuzz.
fuzz() {
  local seconds=$1 failed=0
  install clang-19 libclang-rt-19-dev llvm-19
  build fuzz fuzz | tail -n 1
  for target in http json layer agent words; do
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
  test) test_all "${2:-test}" "${@:3}" ;;
  bench) build release | tail -n 1; exec tools/bench.sh build/release/bin "${@:2}" ;;
  fuzz) fuzz "${2:?how many seconds for each target}" ;;
  coverage) coverage ;;
  mutants) setup; exec /usr/bin/python3 tools/mutants.py "${@:2}" ;;
  lint) lint ;;
  *) usage; [ -z "${1:-}" ] || exit 2 ;;
esac
