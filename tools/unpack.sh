#!/usr/bin/env bash
# Unpacks the Debian packages of the set `unpack` in tools/packages.txt into .build/unpacked, one tree of them all.
# Nothing is installed: no script of theirs runs, and nothing outside of that directory is written to. Where the tree is
# there and the list is as it was, nothing is done, and no network is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
list=tools/packages.txt
tree=.build/unpacked

# 69: EX_UNAVAILABLE of sysexits.h.
fail() {
  echo "tollgate: $1" >&2
  exit 69
}

[[ ${TOLLGATE_PACKAGES:-} != skip ]] || exit 0
mapfile -t names < <(sed -n 's/^unpack //p' "$list")
[[ "$(cat "$tree/.names" 2>/dev/null)" != "${names[*]}" ]] || exit 0
command -v apt-get dpkg-deb >/dev/null || fail "this is no Debian system: nothing to unpack ${names[*]} with"

rm -rf "$tree" "$tree.new"
mkdir -p "$tree.new/.archives"
download() { (cd "$tree.new/.archives" && apt-get download -qq "${names[@]}"); }

# The lists of a fresh machine are empty, and old ones name archives that are gone.
if ! download 2>/dev/null; then
  as_root=()
  if [[ $EUID -ne 0 ]]; then as_root=(sudo); fi
  echo "Packages to unpack are not found. Running: ${as_root[*]:+${as_root[*]} }apt-get update"
  "${as_root[@]}" apt-get update -qq </dev/null || fail "apt-get update failed"
  download || fail "apt-get could not download: ${names[*]}"
fi

for archive in "$tree.new/.archives"/*.deb; do dpkg-deb --extract "$archive" "$tree.new"; done
rm -rf "$tree.new/.archives"
echo "${names[*]}" >"$tree.new/.names"
mv "$tree.new" "$tree"
