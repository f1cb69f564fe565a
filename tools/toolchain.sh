#!/usr/bin/env bash
# Ends with one line and exit 69 (EX_UNAVAILABLE) where there is no Swift toolchain, or one that is too old.
#   tools/toolchain.sh [--if-it-runs]   with the flag, a toolchain whose libraries are missing is no fault yet
set -euo pipefail
least_major=6
least_minor=3
where=https://www.swift.org/install/linux/

fail() {
  echo "tollgate: $1: get Swift $least_major.$least_minor or newer from $where" >&2
  exit 69
}

command -v swift >/dev/null || fail "no Swift toolchain on PATH"
if ! said=$(swift --version 2>/dev/null); then
  [[ ${1:-} == --if-it-runs ]] && exit 0
  fail "$(command -v swift) does not run"
fi
[[ $said =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || fail "$(command -v swift) does not tell its version"
major=${BASH_REMATCH[1]}
minor=${BASH_REMATCH[2]}
if ((major < least_major || (major == least_major && minor < least_minor))); then
  fail "Swift $major.$minor is too old"
fi
