#!/usr/bin/perl
# The times table as a FastCGI worker in Perl. CGI::Fast gives one CGI object after another; a program that is not
# started as a worker gets one, and runs as a CGI program.
use strict;
use warnings;
use CGI::Fast;

# This application takes no form. CGI.pm reads no body that is longer, so none fills the memory.
$CGI::POST_MAX = 1024;

my $count = 0;
while (CGI::Fast->new) {
    $count++;
    # Whatever is left of a body would be taken for the start of the next request.
    1 while read STDIN, my $rest, 8192;
    print "Content-Type: text/html; charset=utf-8\r\nX-Worker: $$ $count\r\n\r\n";
    print_table();
}

sub print_table {
    print <<'END';
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The times table</title>
<link rel="stylesheet" href="/table.css">
<h1>The times table</h1>
<table>
END
    for my $row (1 .. 12) {
        print "<tr><th>$row", (map { '<td>' . $row * $_ } 1 .. 12), "\n";
    }
    print "</table>\n<p>Twelve rows, made anew for each request, or once for all.</p>\n";
}
