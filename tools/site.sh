#!/usr/bin/env bash
# Assembles the sample site in one directory, as `tollgate serve` takes it: the files of examples/site/, the scripts of
# cgi-bin/, and the programs of cgi-bin/src/ compiled. Copies, since nothing outside of the directory is served.
#   tools/site.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
site=${1:?usage: tools/site.sh DIRECTORY}

# Beside the old one and then in its place: a fault on the way leaves the old site as it was.
rm -rf "$site.new"
mkdir -p "$site.new/cgi-bin"
cp -R examples/site/. "$site.new/"
for script in cgi-bin/*; do
  if [[ -f $script ]]; then cp "$script" "$site.new/cgi-bin/"; fi
done
for source in cgi-bin/src/*.c; do
  program=${source##*/}
  cc -std=gnu17 -O2 -Wall -Wextra -Werror -o "$site.new/cgi-bin/${program%.c}" "$source"
done
rm -rf "$site"
mv "$site.new" "$site"
