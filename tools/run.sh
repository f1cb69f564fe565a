#!/usr/bin/env bash
# Sets up, builds, assembles the sample site and serves it. LISTEN is an address, PORT a port of 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")/.."
listen=${LISTEN:-127.0.0.1:${PORT:-8080}}

tools/setup.sh run
tools/build.sh
tools/site.sh .build/site
echo "Serving .build/site: examples/site/ with the scripts of cgi-bin/ (make run again after a change to them)."
# In place of this shell: Ctrl-C and the exit code are the server's own.
# The whole bill with every answer: it is what the sample site is there to show.
exec .build/release/tollgate serve .build/site --listen "$listen" --bill full
