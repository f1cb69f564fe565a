#!/usr/bin/env bash
# Style of Swift by swift-format, faults in shell scripts by shellcheck where it is installed. Changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
swift format lint --strict --recursive Sources Tests examples Package.swift || failed=1
if command -v shellcheck >/dev/null; then
  shellcheck tools/*.sh cgi-bin/*.sh .ci/run || failed=1
else
  echo "shellcheck is not installed: the shell scripts were not looked at" >&2
fi
exit "$failed"
