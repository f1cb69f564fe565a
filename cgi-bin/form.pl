#!/usr/bin/perl
# A form, with nothing but Perl itself. `form-cgi.pl` is the same page by way of CGI.pm: what loading a large module
# for each request costs is the difference of the two.
use strict;
use warnings;

use constant MOST_BYTES => 65_536;

sub refuse {
  my ($status, $why, @headers) = @_;
  print map { "$_\n" } "Status: $status", 'Content-Type: text/plain; charset=utf-8', @headers, '', $why;
  exit 0;
}

sub escaped {
  my ($text) = @_;
  my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;');
  $text =~ s/([&<>"'])/$entity{$1}/g;
  return $text;
}

# One part of application/x-www-form-urlencoded to the bytes it stands for.
sub decoded {
  my ($text) = @_;
  refuse('400 Bad Request', 'a percent sign must be followed by two hexadecimal digits')
    if $text =~ /%(?![0-9A-Fa-f]{2})/;
  $text =~ tr/+/ /;
  $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
  my $characters = $text;
  refuse('400 Bad Request', 'the text must be UTF-8') unless utf8::decode($characters);
  return $text;
}

sub body {
  my $type = $ENV{CONTENT_TYPE} // '';
  refuse('415 Unsupported Media Type', 'the form is sent as application/x-www-form-urlencoded')
    unless $type =~ m{^application/x-www-form-urlencoded\s*(?:;|$)}i;
  my $length = $ENV{CONTENT_LENGTH} // '';
  refuse('400 Bad Request', 'CONTENT_LENGTH must be a number') unless $length =~ /^[0-9]{1,10}$/;
  refuse('413 Content Too Large', 'at most ' . MOST_BYTES . ' bytes') if $length > MOST_BYTES;
  # The body is as long as CONTENT_LENGTH says: there need be no end of file behind it (RFC 3875, section 4.2).
  binmode STDIN;
  my $bytes;
  my $got = read STDIN, $bytes, $length;
  refuse('400 Bad Request', 'the body is shorter than CONTENT_LENGTH says') if !defined $got || $got != $length;
  return $bytes;
}

my $method = $ENV{REQUEST_METHOD} // 'GET';
my $encoded;
if ($method eq 'POST') {
  $encoded = body();
} elsif ($method eq 'GET' || $method eq 'HEAD') {
  $encoded = $ENV{QUERY_STRING} // '';
} else {
  refuse('405 Method Not Allowed', 'GET or POST', 'Allow: GET, HEAD, POST');
}

my %field;
for my $pair (split /&/, $encoded) {
  my ($name, $value) = split /=/, $pair, 2;
  $field{decoded($name // '')} //= decoded($value // '');
}
my $name = escaped($field{name} // '');
my $message = escaped($field{message} // '');

print "Content-Type: text/html; charset=utf-8\n\n";
print <<"HEAD";
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/style.css">
<title>A form</title>
<main>
<h1>A form, in plain Perl</h1>
HEAD
print "<p role=\"status\">By $method came: <strong>$name</strong> says <q>$message</q></p>\n" if %field;
print <<"FORM";
<form method="post">
<label for="name">Name</label>
<input id="name" name="name" value="$name" maxlength="100" autocomplete="name">
<label for="message">Message</label>
<textarea id="message" name="message" rows="4" maxlength="2000">
$message</textarea>
<p><button>Send by POST</button>
<button formmethod="get">Send by GET</button>
</form>
<p><a href="/">Back to the start</a>
</main>
</html>
FORM
