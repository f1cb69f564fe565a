#!/usr/bin/perl
# A FastCGI worker by hand, without a library, that breaks the protocol as its request's query says. For the end-to-end
# tests. Only what perl-base has. Every right answer's body is «PID COUNT QUERY BODY-LENGTH».
#   raw.pl [--values KIND] [--record FILE]
#   KIND: how FCGI_GET_VALUES is answered: right, silent, closes, nonsense, padded, bytewise, twice
#   FILE: gets a line for each recv(2): its length, and the records that were begun in it
use strict;
use warnings;
use Socket qw(MSG_NOSIGNAL);
use Time::HiRes qw(sleep);

my %option = @ARGV;
my $values = $option{'--values'} // 'right';
$SIG{PIPE} = 'IGNORE';

my %types = (1 => 'BEGIN', 2 => 'ABORT', 3 => 'END', 4 => 'PARAMS', 5 => 'STDIN', 8 => 'DATA', 9 => 'GET_VALUES');
my ($connection, $input, $count) = (undef, '', 0);
my $connections = 0;

sub record {
    my ($type, $id, $content, $padding) = @_;
    $padding //= 0;
    return pack('CCnnCx', 1, $type, $id, length $content, $padding) . $content . ("\xff" x $padding);
}

sub note {
    my ($text) = @_;
    return unless $option{'--record'};
    open my $file, '>>', $option{'--record'} or die "record: $!";
    print $file "$text\n";
    close $file;
}

# The heads of the records in some bytes that begin at one, for the notes: type, content and padding.
sub heads {
    my ($bytes) = @_;
    my @found;
    for (my $at = 0; $at + 8 <= length $bytes;) {
        my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', substr $bytes, $at, 8;
        my $whole = $at + 8 + $length + $padding <= length $bytes ? '' : '...';
        push @found, ($types{$type} // $type) . ":$length+$padding$whole";
        $at += 8 + $length + $padding;
    }
    return "@found";
}

# Reads more; false at the connection's end.
sub fill {
    my $began = length $input;
    my $got = recv $connection, my $bytes, 1 << 20, 0;
    return 0 if !defined $got || $bytes eq '';
    note('recv ' . length($bytes) . ($began ? '' : ' ' . heads($bytes)));
    $input .= $bytes;
    return 1;
}

# The next record: type, content, padding; none at the end.
sub next_record {
    while (1) {
        if (length $input >= 8) {
            my (undef, $type, $id, $length, $padding) = unpack 'CCnnC', $input;
            if (length $input >= 8 + $length + $padding) {
                my $content = substr $input, 8, $length;
                substr($input, 0, 8 + $length + $padding) = '';
                return ($type, $content, $padding);
            }
        }
        fill() or return;
    }
}

sub put {
    my ($bytes) = @_;
    while ($bytes ne '') {
        my $sent = send $connection, $bytes, MSG_NOSIGNAL;
        return unless defined $sent;
        substr($bytes, 0, $sent) = '';
    }
}

sub pairs {
    my ($bytes) = @_;
    my (%pairs, @lengths);
    while ($bytes ne '') {
        for my $i (0, 1) {
            my $length = unpack 'C', $bytes;
            if ($length > 127) {
                $lengths[$i] = 0x7fffffff & unpack 'N', $bytes;
                substr($bytes, 0, 4) = '';
            } else {
                $lengths[$i] = $length;
                substr($bytes, 0, 1) = '';
            }
        }
        $pairs{substr $bytes, 0, $lengths[0]} = substr $bytes, $lengths[0], $lengths[1];
        substr($bytes, 0, $lengths[0] + $lengths[1]) = '';
    }
    return %pairs;
}

sub bytewise {
    my ($bytes) = @_;
    for my $byte (split //, $bytes) {
        put($byte);
        sleep 0.0005;
    }
}

sub answer_values {
    my $pairs = "\x0f\x01FCGI_MPXS_CONNS0";
    my $right = record(10, 0, $pairs, 5);
    return if $values eq 'silent';
    return put($right) if $values eq 'right';
    return put(record(10, 0, "\xff\xff\xff\xffrubbish")) if $values eq 'nonsense';
    return put(record(10, 0, $pairs, 255)) if $values eq 'padded';
    return bytewise($right) if $values eq 'bytewise';
    return put($right . $right) if $values eq 'twice';
    close $connection;
    $connection = undef;
}

# A request whose FCGI_PARAMS are complete: its query, and the length of the body that was read.
sub read_request {
    my ($params, $length, $query) = ('', 0, undef);
    while (my ($type, $content, $padding) = next_record()) {
        if ($type == 9) {
            note("values padding $padding");
            answer_values();
            return unless $connection;
        } elsif ($type == 4 && $content ne '') {
            $params .= $content;
        } elsif ($type == 4) {
            my %variables = pairs($params);
            $query = $variables{QUERY_STRING} // '';
            return ($query, 0) if $query =~ /deaf/;
        } elsif ($type == 5) {
            $length += length $content;
            return ($query, $length) if $content eq '';
        }
    }
    return;
}

my $end = record(3, 1, pack('NCx3', 0, 0));
sub out { return record(6, 1, $_[0], $_[1] // 0) }
sub head { return "Content-Type: text/plain\r\n\r\n" }

# By the query's first word: what is written. A word that ends the connection says so by `close`.
my %acts = (
    id => sub { put(record(6, 2, head() . 'mine') . $end) },
    version => sub { my $bytes = out(head() . 'mine') . $end; substr($bytes, 0, 1) = "\x09"; put($bytes) },
    type => sub { put(record(77, 1, 'what') . $end) },
    management => sub { put(record(10, 1, '') . $end) },
    server => sub { put(record(1, 1, pack('nCx5', 1, 1)) . $end) },
    after => sub { put(out(head() . 'mine') . out('') . out('and more') . $end) },
    half => sub { put(substr out('X-Half: ' . 'x' x 1000), 0, 500); return 'close' },
    header => sub { put(substr out('x'), 0, 3); return 'close' },
    shortend => sub { put(out(head() . 'mine') . record(3, 1, '')) },
    status => sub { put(out(head() . 'mine') . record(3, 1, pack('NCx3', 0, 9))) },
    overloaded => sub { put(record(3, 1, pack('NCx3', 0, 2))) },
    multiplex => sub { put(record(3, 1, pack('NCx3', 0, 1))) },
    role => sub { put(record(3, 1, pack('NCx3', 0, 3))) },
    nothing => sub { put($end) },
    ended => sub { put(out('') . record(7, 1, '') . $end) },
    nohead => sub { put(out('no head at all') . out('') . $end) },
    longhead => sub { put(out("X-Long: " . 'x' x 40_000 . "\r\n") . out("X-Longer: " . 'x' x 40_000) . $end) },
    closes => sub { return 'close' },
    midway => sub { put(out(head() . 'half of it')); sleep 0.05; return 'close' },
    short => sub { put(out("Content-Length: 100\r\n" . head() . 'not so much') . $end) },
    surplus => sub { put(out("Content-Length: 4\r\n" . head() . 'mine and more') . $end) },
);

sub right {
    my ($query, $length) = @_;
    return head() . "$$ $count $query $length";
}

# What is odd and allowed, or harms nobody but the worker.
my %odd = (
    bytewise => sub { bytewise(out(right(@_)) . out('') . $end) },
    large => sub {
        my $text = join '', map { chr(97 + $_ % 26) } 0 .. 65_534;
        put(out(head(), 255) . out($text, 255) . out($text, 255) . out('', 255) . $end);
    },
    stderr => sub {
        my $right = right(@_);
        my $bytes = '';
        for my $i (0 .. length($right) - 1) {
            $bytes .= out(substr $right, $i, 1) . ($i < 3 ? record(7, 1, "line $i of @_\n", $i) : '');
        }
        put($bytes . record(7, 1, '') . $end);
    },
    closing => sub { put(out(right(@_)) . $end); return 'close' },
    more => sub { put(out(right(@_)) . $end . out(head() . 'for nobody') . $end) },
    late => sub { put(out(right(@_)) . $end); sleep 0.05; put(out('late')); sleep 0.05 },
    values => sub {
        put(record(10, 0, "\x0f\x01FCGI_MPXS_CONNS1") . out(right(@_)) . record(11, 0, "\x09" . "\0" x 7) . $end);
    },
    twice => sub { put(out(right(@_)) . out('') . out('') . $end) },
    deaf => sub { put(out(right(@_)) . out('y' x 60_000) x 20 . $end); sleep 0.2; return 'close' },
    slow => sub { sleep 1; put(out(right(@_)) . $end) },
);

while (accept $connection, STDIN) {
    $input = '';
    note('accept ' . ++$connections);
    while (my ($query, $length) = read_request()) {
        $count++;
        note("request $query");
        my ($word) = $query =~ /^(\w*)/;
        my $act = $acts{$word} // $odd{$word} // sub { put(out(right(@_)) . $end) };
        my $result = $act->($query, $length) // '';
        last if $result eq 'close';
    }
    note('end');
    close $connection if $connection;
}
