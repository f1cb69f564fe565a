#!/usr/bin/env bash
# Builds the two programs in release mode: .build/release/tollgate and .build/release/tollgate-spawn.
set -euo pipefail
cd "$(dirname "$0")/.."

# The Swift libraries are linked into the program, so that it runs on machines without a toolchain.
swift build -c release --static-swift-stdlib --product tollgate

# The package manager links every program with the Swift runtime, C or not: for the spawner, which has not a line of
# Swift, that makes some 4 MiB resident of 1, and each spawner is there all day. So it is compiled by itself.
# To a new name and then renamed, since a running program's file cannot be written to.
spawn=.build/release/tollgate-spawn
cc -std=gnu17 -O2 -g -Wall -Wextra -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now \
  -ffunction-sections -Wl,--gc-sections -I Sources/SpawnProtocol/include -o "$spawn.new" \
  Sources/Spawner/*.c Sources/SpawnProtocol/*.c
mv -f "$spawn.new" "$spawn"
