#!/usr/bin/perl
# The form of `form.pl`, by way of CGI.pm (Debian: libcgi-pm-perl).
use strict;
use warnings;

use CGI ();

# CGI.pm's own limits; both are off unless they are set before the query is read.
$CGI::POST_MAX = 65_536;
$CGI::DISABLE_UPLOADS = 1;

my $query = CGI->new;
$query->charset('utf-8');

sub refuse {
  my ($status, $why, %headers) = @_;
  print $query->header(-status => $status, -type => 'text/plain', %headers), "$why\n";
  exit 0;
}

my $method = $query->request_method // 'GET';
refuse('405 Method Not Allowed', 'GET or POST', -allow => 'GET, HEAD, POST') unless $method =~ /^(?:GET|HEAD|POST)$/;
if (my $fault = $query->cgi_error) {
  refuse($fault =~ /^413/ ? '413 Content Too Large' : '400 Bad Request', $fault);
}

# CGI.pm passes malformed text on as it came.
sub text {
  my $value = $query->param($_[0]) // '';
  my $characters = $value;
  refuse('400 Bad Request', 'the text must be UTF-8') unless utf8::decode($characters);
  return $query->escapeHTML($value);
}

my $sent = scalar(() = $query->param);
my $name = text('name');
my $message = text('message');

print $query->header(-type => 'text/html');
print <<"HEAD";
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/style.css">
<title>A form</title>
<main>
<h1>A form, with CGI.pm</h1>
HEAD
print "<p role=\"status\">By $method came: <strong>$name</strong> says <q>$message</q></p>\n" if $sent;
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
