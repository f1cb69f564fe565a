#!/usr/bin/env bash
# Assembles the sample site in one directory:
#   tollgate.toml   its configuration, from examples/site.toml
#   site/           the files of examples/site/, sent as they are
#   cgi-bin/        the scripts of cgi-bin/, and the programs of cgi-bin/src/ compiled
#   php/            the pages that the PHP workers run
#   fastcgi/        the programs of the pools, by tools/fastcgi.sh
#   data/           what the guestbook keeps; it outlives a new assembly
# Copies, since nothing outside of a served directory is served. Without pools, for `tollgate serve DIR` and wherever
# the workers' programs are not needed: only site/ and cgi-bin/ are made.
#   tools/site.sh [--without-pools] DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
pools=yes
if [[ ${1:-} == --without-pools ]]; then
  pools=no
  shift
fi
site=${1:?usage: tools/site.sh [--without-pools] DIRECTORY}

# Beside the old one and then in its place: a fault on the way leaves the old site as it was. Its data may lie in a new
# one whose assembly was broken off at its end.
if [[ -d $site.new/data && ! -d $site/data ]]; then
  mkdir -p "$site"
  mv "$site.new/data" "$site/data"
fi
rm -rf "$site.new"
mkdir -p "$site.new/cgi-bin"
cp -R examples/site "$site.new/site"
for script in cgi-bin/*; do
  if [[ -f $script ]]; then cp "$script" "$site.new/cgi-bin/"; fi
done
for source in cgi-bin/src/*.c; do
  program=${source##*/}
  cc -std=gnu17 -O2 -Wall -Wextra -Werror -o "$site.new/cgi-bin/${program%.c}" "$source"
done

if [[ $pools == yes ]]; then
  mkdir "$site.new/php"
  cp examples/site.toml "$site.new/tollgate.toml"
  cp examples/fastcgi/*.php "$site.new/php/"
  tools/fastcgi.sh "$site.new/fastcgi"
  mkdir -p "$site/data"
fi
# Moved, never copied: a server that still runs on the old site goes on with the same files.
if [[ -d $site/data ]]; then mv "$site/data" "$site.new/data"; fi
rm -rf "$site"
mv "$site.new" "$site"
