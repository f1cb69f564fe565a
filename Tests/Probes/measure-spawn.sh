#!/bin/sh
# Measures a spawn through tollgate-spawn against one made directly. Needs gcc; writes nothing into the tree.
#   Tests/Probes/measure-spawn.sh [SPAWNER]    SPAWNER: a built tollgate-spawn; without it one is compiled here
#   ROUNDS=11 SPAWNS=400                       the length of a run
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=gnu11 -O2 -Wall -Wextra -I$root/Sources/SpawnProtocol/include"
spawner=${1:-}
if [ -z "$spawner" ]; then
  spawner=$work/tollgate-spawn
  gcc $flags ${SPAWNER_FLAGS:-} "$root"/Sources/Spawner/*.c "$root"/Sources/SpawnProtocol/*.c -o "$spawner"
fi
gcc $flags "$root"/Tests/Probes/measure-spawn.c "$root"/Sources/SpawnProtocol/*.c -o "$work/measure"
gcc -O2 "$root/Tests/Probes/hello.c" -o "$work/hello-dynamic"
gcc -O2 -static "$root/Tests/Probes/hello.c" -o "$work/hello-static"
for program in hello-dynamic hello-static; do
  for clients in 1 8; do
    echo "== $program"
    "$work/measure" cost "$spawner" "$work/$program" "${ROUNDS:-11}" "${SPAWNS:-400}" "$clients"
  done
done
"$work/measure" peak "$spawner" "$work/hello-static" 200
