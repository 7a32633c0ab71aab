# Sends numbered UDP datagrams between ends on this node and others, and says which arrived when.
#   perl probe.pl <nonce> <port> <s to send> <s to listen on> <µs between two> <bytes> <enough>
#     end=<ip>… send=<link>,<from>,<to>… expect=<link>…
# Ends early when so many packets as are enough came on every expected link, and as many were sent since the other side
# was heard on all of them, so that it has enough too; 0: never.
# Times are CLOCK_MONOTONIC in µs, which all nodes of this machine share. An end is an address of a pod or of the node:
# whichever network namespace can bind to it is its own. Prints, one a line: `bound <ip> <since> <until>` (what was sent
# to it between the two has been waited for), `absent <ip>`, `sent <link> <µs>…`, `got <link> <number>:<sent µs>:<received µs>…`.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($nonce, $port, $sending, $listening, $every, $bytes, $enough, @rest) = @ARGV;
my (%sockets, %since, @receivers, @senders);
my $now = sub { clock_gettime(CLOCK_MONOTONIC) };
my $micros = sub { int($now->() * 1e6) };

# setns(2); its number is the machine's own.
my $setns = `uname -m` =~ /aarch64/ ? 268 : 308;
sub udp {
    my ($ip, $on) = @_;
    socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
    setsockopt($socket, SOL_SOCKET, 33, pack('l', 4 << 20));
    return bind($socket, pack_sockaddr_in($on, inet_aton($ip))) ? $socket : undef;
}

my %missing = map { /^end=(.+)/ ? ($1 => 1) : () } @rest;
for my $path ('/proc/self/ns/net', glob '/run/netns/*') {
    last unless %missing;
    open(my $namespace, '<', $path) or next;
    next if syscall($setns, fileno $namespace, 0x40000000) != 0;
    for my $ip (keys %missing) {
        my $receiver = udp($ip, $port) or next;
        my $sender = udp($ip, $port + 1) or next;
        $sockets{$ip} = $sender;
        push @receivers, $receiver;
        delete $missing{$ip};
        $since{$ip} = $micros->();
    }
}
print "absent $_\n" for sort keys %missing;
for (@rest) {
    my ($link, $from, $to) = /^send=(\d+),([^,]+),(.+)/ or next;
    push @senders, { link => $link, socket => $sockets{$from}, to => pack_sockaddr_in($port, inet_aton($to)), times => [] } if $sockets{$from};
}

my @expected = map { /^expect=(\d+)/ ? $1 : () } @rest;
my (%got, $number, $heard_at);
# 28 bytes of IP and UDP, and 24 that stand in each.
my $padding = "\0" x ($bytes > 52 ? $bytes - 52 : 0);
my $next = $now->();
my $until = $next + $sending;
my $end = $until + $listening;
$number = 0;
while ((my $time = $now->()) < $end) {
    # One that was kept from running sends what it owes, in short bursts that no queue on the way minds.
    for (1 .. 8) {
        last if $time >= $until || $next > $time;
        for my $sender (@senders) {
            my $at = $micros->();
            send($sender->{socket}, pack('A8Nxxxxq', $nonce, $sender->{link} << 20 | $number, $at) . $padding, 0, $sender->{to});
            push @{ $sender->{times} }, $at;
        }
        $number += 1;
        $next += $every / 1e6;
    }
    if ($enough && !grep { !$got{$_} } @expected) {
        $heard_at //= $number;
        $until = $time, last if $number >= $heard_at + $enough && !grep { @{ $got{$_} } < $enough } @expected;
    }
    my $mask = '';
    vec($mask, fileno $_, 1) = 1 for @receivers;
    my $wait = ($time < $until && $next < $end ? $next : $end) - $now->();
    next unless select($mask, undef, undef, $wait > 0 ? $wait : 0) > 0;
    for my $receiver (grep { vec($mask, fileno $_, 1) } @receivers) {
        for (1 .. 64) {
            defined recv($receiver, my $datagram, 65_536, 0x40) or last;
            my ($stamp, $key, $at) = unpack('A8Nxxxxq', $datagram);
            push @{ $got{ $key >> 20 } }, join ':', $key & 0xfffff, $at, $micros->() if $stamp eq $nonce;
        }
    }
}
printf "bound %s %d %d\n", $_, $since{$_}, $until * 1e6 for sort keys %since;
print join(' ', 'sent', $_->{link}, @{ $_->{times} }), "\n" for @senders;
print join(' ', 'got', $_, @{ $got{$_} }), "\n" for sort keys %got;
