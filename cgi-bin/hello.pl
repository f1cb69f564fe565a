#!/usr/bin/perl
# The smallest answer of a Perl script.
use strict;
use warnings;

print "Content-Type: text/plain; charset=utf-8\n\n";
print "Hello from Perl. Process $$ was made for this request alone.\n";
