#!/usr/bin/perl
# The times table, in plain Perl.
use strict;
use warnings;

print "Content-Type: text/html; charset=utf-8\n\n", <<'HEAD';
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The times table</title>
<link rel="stylesheet" href="/table.css">
<h1>The times table</h1>
<table>
HEAD
for my $row (1 .. 12) {
  print "<tr><th>$row", (map { '<td>' . $row * $_ } 1 .. 12), "\n";
}
print "</table>\n<p>Twelve rows, made anew for each request, or once for all.</p>\n";
