#!/bin/sh
# Prints one line a second, `?lines=` of them, each as soon as it is due: the shell writes every printf at once.
set -u

refuse() {
  printf 'Status: 400 Bad Request\nContent-Type: text/plain; charset=utf-8\n\n'
  printf 'usage: stream.sh?lines=N, N from 1 to 600\n'
  exit 0
}

query=${QUERY_STRING:-lines=10}
case $query in
  lines=*) lines=${query#lines=} ;;
  *) refuse ;;
esac
# Digits only, and few of them, before the shell may take it for a number.
case $lines in
  '' | *[!0-9]* | ????*) refuse ;;
esac
if [ "$lines" -lt 1 ] || [ "$lines" -gt 600 ]; then refuse; fi

printf 'Content-Type: text/plain; charset=utf-8\n\n'
line=1
while [ "$line" -le "$lines" ]; do
  # A reader that has gone makes the write fail: then there is nobody left to count for.
  printf 'line %d of %d at %s\n' "$line" "$lines" "$(date -u +%H:%M:%S)" || exit 0
  if [ "$line" -lt "$lines" ]; then sleep 1; fi
  line=$((line + 1))
done
