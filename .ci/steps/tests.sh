# shellcheck shell=bash
# shellcheck disable=SC2154  # $root is .ci/run's
# The tests as a developer runs them, and the same tests under sanitizers.

# Every test of the tree, built by gcc; installs what is missing. What fails runs once more, alone, and is shown with its output.
step_tests() {
  local again=build/dev/ctest-again.xml
  rm -f "$again"
  packaging/quickstart test && return
  [[ -s build/dev/ctest.xml ]] || refuse "the tests did not run"
  again_alone dev "$again"
}

# again_alone PRESET RESULT: runs the failed tests of the last run once more, one after the other, and counts.
again_alone() {
  local preset=$1 again=$2 status=0
  printf '\n== the failed tests once more, alone\n'
  ctest --preset "$preset" --rerun-failed -j 1 --output-junit "$root/$again" || true
  [[ -s $again ]] || refuse "ctest left no result of the second run"
  /usr/bin/python3 packaging/lib/test_summary.py --again "$again" --details "build/$preset/ctest.xml" || status=$?
  return "$status"
}

# A skipped test is a failure unless .ci/expected-skips names it. Counts as one check: the tests themselves are counted above.
step_skips() {
  local result=build/dev/ctest.xml
  [[ -s $result ]] || refuse "$result is not there: the tests did not run"
  /usr/bin/python3 packaging/lib/test_summary.py --skips-only --expected-skips .ci/expected-skips "$result"
}

# sanitized PRESET ROOM...: builds the unit tests of these rooms only, and runs them.
sanitized() {
  mkdir -p build
  local preset=$1 room targets=() labels
  shift
  configure "$preset"
  for room in "$@"; do
    if [[ -e tests/unit/$room/CMakeLists.txt ]]; then targets+=("tests/unit/$room/all"); fi
  done
  targets+=(tests/abi/all)
  if [[ " $* " == *" conformance "* ]]; then targets+=(tests/conformance/all); fi
  ((${#targets[@]} > 0)) || refuse "there is no test for the preset $preset to run"
  ninja -C "build/$preset" -j "$(build_jobs)" "${targets[@]}" || refuse "the build of the preset $preset failed"
  labels="^($(IFS='|' && printf '%s' "$*"))\$"
  local status=0
  ctest --preset "$preset" --no-tests=error --label-regex "$labels" --output-junit "$root/build/$preset/ctest.xml" || status=$?
  /usr/bin/python3 packaging/lib/test_summary.py --expected-skips .ci/expected-skips "build/$preset/ctest.xml" || status=$?
  return "$status"
}

# The other command of the README: a release build that starts, becomes ready, and ends on Ctrl-C with 0.
step_run() {
  packaging/quickstart build || return
  local status=0 ready=no output
  output=$(mktemp)
  set -m  # a process group of its own, in which SIGINT is not ignored
  packaging/quickstart run --startup-report "$root/build/boot.json" >"$output" 2>&1 &
  local pid=$!
  for ((i = 0; i < 600; ++i)); do
    if grep -q ready "$output"; then ready=yes && break; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -INT "$pid"
  wait "$pid" || status=$?
  cat "$output"
  rm -f "$output"
  [[ $ready == yes ]] || refuse "the daemon did not say that it is ready"
  ((status == 0)) || refuse "after Ctrl-C the daemon ended with $status"
}

# What reads hostile bytes, and what has threads or frees things for modules. All rooms with tests: asan_all.
step_asan() { sanitized asan manifest elf discovery kernel abi loader lifecycle daemon conformance; }
step_asan_all() { sanitized asan base manifest config elf discovery graph kernel abi loader lifecycle daemon conformance; }
step_tsan() { sanitized tsan kernel abi loader lifecycle daemon conformance; }
