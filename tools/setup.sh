#!/usr/bin/env bash
# Makes a fresh machine ready: the toolchain is looked for first, since it is the one thing that nobody but the user
# can install; then come the Debian packages of the named sets.
#   tools/setup.sh SET...
set -euo pipefail
cd "$(dirname "$0")/.."
tools/toolchain.sh --if-it-runs
tools/packages.sh install toolchain "$@"
tools/toolchain.sh
