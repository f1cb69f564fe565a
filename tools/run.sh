#!/usr/bin/env bash
# Sets up, builds, assembles the sample site and serves it. LISTEN is an address, PORT a port of 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")/.."
listen=${LISTEN:-127.0.0.1:${PORT:-8080}}

tools/setup.sh run
tools/build.sh
tools/site.sh .build/site
echo "Serving .build/site by its tollgate.toml: make run again after a change to examples/ or cgi-bin/."
# In place of this shell: Ctrl-C and the exit code are the server's own.
exec .build/release/tollgate serve --config .build/site/tollgate.toml --listen "$listen"
