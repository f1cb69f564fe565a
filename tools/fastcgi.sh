#!/usr/bin/env bash
# Puts the FastCGI workers of examples/fastcgi/ into a directory: table-c, table-swift, table.pl and guestbook. (The
# page of PHP is no program: php-cgi runs it.)
#   tools/fastcgi.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
directory=${1:?usage: tools/fastcgi.sh DIRECTORY}

# To a new name and then renamed, since the file of a worker that runs cannot be written to.
put() {
  cp "$1" "$directory/$2.new"
  mv -f "$directory/$2.new" "$directory/$2"
}

# Beside the build of the gateway, which it neither waits for nor disturbs.
scratch=.build/examples
swift build -c release --static-swift-stdlib --package-path examples/fastcgi/swift --scratch-path "$scratch"
cc -std=gnu17 -O2 -Wall -Wextra -Werror -o "$scratch/table-c" examples/fastcgi/table.c -lfcgi

mkdir -p "$directory"
put "$scratch/table-c" table-c
put "$scratch/release/table" table-swift
put "$scratch/release/guestbook" guestbook
put examples/fastcgi/table.pl table.pl
