#!/usr/bin/env bash
# Sets up, builds and runs every test; ends with a code other than 0 when any of them fails.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

# One pass of tests. A filter that matches nothing is a success to the package manager, and a failure here.
pass() {
  local log=.build/test-pass.log
  swift test --skip-build "$@" 2>&1 | tee "$log" || return 1
  if grep -q 'No matching test cases were run' "$log"; then return 1; fi
}

step "Set-up"
tools/setup.sh run test
tools/unpack.sh
tools/dokuwiki.sh .build/dokuwiki
step "Release build: what the end-to-end tests start"
tools/build.sh
step "Sample site"
tools/site.sh .build/site
step "Debug build, tests included"
swift build --build-tests

# Both passes run whatever the first one says: one run shows everything that is broken.
failed=0
step "Unit tests, in parallel"
pass --parallel --skip EndToEndTests || failed=1
# One scenario after another: each compares the server's descriptors, children and threads before and after it.
step "End-to-end tests, one after another"
pass --no-parallel --filter EndToEndTests || failed=1

if [[ $failed -ne 0 ]]; then
  printf '\nTests failed: see above.\n' >&2
  exit 1
fi
printf '\nAll tests passed.\n'
