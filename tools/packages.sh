#!/usr/bin/env bash
# Installs the Debian packages of tools/packages.txt that are missing, and nothing when none is.
#   tools/packages.sh install SET...   installs; says the command before it runs it
#   tools/packages.sh services         lists what, in any listed package or its dependencies, could start a service
set -euo pipefail
cd "$(dirname "$0")/.."
list=tools/packages.txt

# 69: EX_UNAVAILABLE of sysexits.h.
fail() {
  echo "tollgate: $1" >&2
  exit 69
}

installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Prints the packages of the sets in "$@" that are missing; where either of two will do, the first of them.
missing() {
  local set names name
  while read -r set names; do
    [[ " $* " == *" $set "* ]] || continue
    for name in ${names//|/ }; do
      installed "$name" && continue 2
    done
    echo "${names%%|*}"
  done < <(grep -v '^\(#\|$\)' "$list")
}

install_sets() {
  command -v dpkg-query >/dev/null ||
    fail "this is no Debian system: install the equivalents of $list, then run with TOLLGATE_PACKAGES=skip"
  local -a wanted as_root=()
  mapfile -t wanted < <(missing "$@")
  [[ ${#wanted[@]} -gt 0 ]] || return 0
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || fail "missing packages, and no sudo to install them with: ${wanted[*]}"
    as_root=(sudo)
  fi
  # A question on the terminal would stop a run that has none.
  local -a install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "${wanted[@]}")
  echo "Packages are missing. Running: ${as_root[*]:+${as_root[*]} }apt-get update"
  "${as_root[@]}" apt-get update -qq </dev/null || fail "apt-get update failed"
  echo "Running: ${install[*]}"
  "${install[@]}" </dev/null || fail "apt-get could not install: ${wanted[*]}"
}

# Which packages would be unpacked depends on what a machine has, so all that the listed ones depend on are looked at,
# save the required ones, which every Debian system has. Of two that will do, only the first is ever installed; those
# that are only unpacked never are.
list_services() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  local -a names closure
  mapfile -t names < <(grep -v '^\(#\|$\|unpack \)' "$list" | cut -d' ' -f2 | cut -d'|' -f1)
  mapfile -t closure < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "${names[@]}" | grep '^[a-z0-9]' | sort -u)
  # Virtual packages have no record and so fall out here.
  mapfile -t closure < <(apt-cache show --no-all-versions "${closure[@]}" 2>/dev/null |
    awk '/^Package: / { name = $2 } /^Priority: / && $2 != "required" { print name }' | sort -u)
  (cd "$work" && apt-get download -qq "${closure[@]}")
  local found=0 deb
  local starts='/etc/init\.d/.|systemd/(system|user)/.*\.(service|socket|timer|path)$'
  for deb in "$work"/*.deb; do
    if dpkg-deb --contents "$deb" | grep -E "$starts" | grep -Ev '/phpsessionclean\.|/init\.d/x11-common'; then
      echo "  is in ${deb##*/}"
      found=1
    fi
  done
  if [[ $found -eq 0 ]]; then echo "None of ${#closure[@]} packages has a unit or an init script."; fi
  return "$found"
}

case ${1:-} in
  install)
    shift
    [[ ${TOLLGATE_PACKAGES:-} == skip ]] || install_sets "$@"
    ;;
  services) list_services ;;
  *)
    echo "usage: tools/packages.sh install SET... | services" >&2
    exit 64
    ;;
esac
