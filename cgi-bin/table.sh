#!/bin/sh
# The times table, by the shell alone. The rows are gathered first: every printf of a shell is a write of its own.
rows=
row=1
while [ "$row" -le 12 ]; do
  rows="$rows<tr><th>$row"
  column=1
  while [ "$column" -le 12 ]; do
    rows="$rows<td>$((row * column))"
    column=$((column + 1))
  done
  rows="$rows
"
  row=$((row + 1))
done
printf 'Content-Type: text/html; charset=utf-8\n\n%s\n%s</table>\n%s\n' '<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The times table</title>
<link rel="stylesheet" href="/table.css">
<h1>The times table</h1>
<table>' "$rows" '<p>Twelve rows, made anew for each request, or once for all.</p>'
