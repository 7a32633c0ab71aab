# Holds back packets that iptables sends to an NFQUEUE: each for a delay, and no more of them than a rate lets through.
#   perl queue.pl <queue> <delay µs> <jitter µs> <bytes/s, 0: any> <backlog µs> <1: a rate for each address, 0: one>
# What goes to peers comes in <queue>, what comes from them in the next one; each way, and each address, has its own rate.
# Speaks nfnetlink_queue by itself: the node has perl-base and nothing else. With --queue-bypass in the rule, packets pass
# untouched as soon as this program is gone. Order is kept: a packet is never let go before one that came earlier.
use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($first, $delay, $jitter, $rate, $backlog, $by_address) = map { $_ + 0 } @ARGV;
srand(1);
$_ /= 1e6 for $delay, $jitter, $backlog;

# linux/netlink.h, linux/netfilter/nfnetlink_queue.h
use constant { AF_NETLINK => 16, SOCK_RAW => 3, NETLINK_NETFILTER => 12, SUBSYS_QUEUE => 3 };
use constant { MSG_PACKET => 0, MSG_VERDICT => 1, MSG_CONFIG => 2, REQUEST => 1, REQUEST_ACK => 5 };
use constant { CFG_CMD => 1, CFG_PARAMS => 2, CFG_MAXLEN => 3, CFG_MASK => 4, CFG_FLAGS => 5, FLAG_GSO => 4 };
use constant { PACKET_HDR => 1, PAYLOAD => 10, CAP_LEN => 13, VERDICT_HDR => 2, DROP => 0, ACCEPT => 1 };
# A kilobyte or less for each: what a flood can pin in the kernel is bounded, and what is too much is dropped.
use constant { MAX_PACKETS => 16_384, SNAP_BYTES => 20 };

sub attribute { my ($type, $data) = @_; return pack('SS', 4 + length $data, $type) . $data . "\0" x (-length($data) % 4) }
sub message {
    my ($queue, $type, $flags, $body) = @_;
    my $family = $type == MSG_CONFIG ? 0 : 2;
    $body = pack('CCn', $family, 0, $queue) . $body;
    return pack('LSSLL', 16 + length $body, SUBSYS_QUEUE << 8 | $type, $flags, 0, 0) . $body;
}

socket(my $link, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) or die "netlink: $!";
bind($link, pack('SSLL', AF_NETLINK, 0, 0, 0)) or die "bind: $!";
# SO_RCVBUFFORCE; and no error to the reader when it is full after all: the packet is dropped, as on any full link.
setsockopt($link, 1, 33, pack('l', 8 << 20));
setsockopt($link, 270, 5, pack('l', 1));

sub configure {
    my ($what, $queue, @attributes) = @_;
    send($link, message($queue, MSG_CONFIG, REQUEST_ACK, join '', @attributes), 0) or die "$what: $!";
    sysread($link, my $answer, 65_536) or die "$what: $!";
    my $error = unpack('x16l', $answer);
    $! = -$error, die "$what: $!" if $error != 0;
}
for my $queue ($first, $first + 1) {
    configure('limits', $queue, attribute(CFG_CMD, pack('CCn', 1, 0, 2)), attribute(CFG_MAXLEN, pack('N', MAX_PACKETS)));
    # A rate needs single packets; a delay is the same for a large one that the card would split.
    configure('large packets', $queue, attribute(CFG_FLAGS, pack('N', FLAG_GSO)), attribute(CFG_MASK, pack('N', FLAG_GSO))) if !$rate;
    configure('parameters', $queue, attribute(CFG_PARAMS, pack('NC', SNAP_BYTES, 2)));
}

my %lanes;    # those that may not pass each other: a rate, and packets as [due, id, queue] in order

sub verdict {
    my ($queue, $id, $verdict) = @_;
    send($link, message($queue, MSG_VERDICT, REQUEST, attribute(VERDICT_HDR, pack('NN', $verdict, $id))), 0);
}

sub arrived {
    my ($queue, $id, $bytes, $own, $now) = @_;
    my $lane = $lanes{"$queue $own"} //= { last_due => 0, sent_until => 0, waiting => [] };
    my $due = $now + $delay + ($jitter ? (2 * rand() - 1) * $jitter : 0);
    if ($rate) {
        $lane->{sent_until} = $now if $lane->{sent_until} < $now;
        return verdict($queue, $id, DROP) if $lane->{sent_until} - $now > $backlog;
        $lane->{sent_until} += $bytes / $rate;
        $due = $lane->{sent_until} if $due < $lane->{sent_until};
    }
    $due = $lane->{last_due} if $due < $lane->{last_due};
    push @{ $lane->{waiting} }, [$lane->{last_due} = $due, $id, $queue];
}

sub take {
    my ($datagram) = @_;
    my ($at, $now) = (0, clock_gettime(CLOCK_MONOTONIC));
    while ($at + 16 <= length $datagram) {
        my ($length, $type) = unpack("x${at}LS", $datagram);
        last if $length < 16;
        if ($type == (SUBSYS_QUEUE << 8 | MSG_PACKET)) {
            my ($queue, $id, $bytes, $own) = (unpack('x' . ($at + 18) . 'n', $datagram), undef, 0, '');
            for (my $i = $at + 20; $i + 4 <= $at + $length;) {
                my ($size, $attribute) = unpack("x${i}SS", $datagram);
                last if $size < 4;
                my $data = $i + 4;
                $id = unpack("x${data}N", $datagram) if $attribute == PACKET_HDR;
                $bytes = $size - 4 if $attribute == PAYLOAD && !$bytes;
                # The IPv4 header has the source at 12 and the destination at 16.
                $own = unpack('H*', substr $datagram, $data + ($queue == $first ? 12 : 16), 4) if $attribute == PAYLOAD && $by_address;
                $bytes = unpack("x${data}N", $datagram) if $attribute == CAP_LEN;
                $i += $size + 3 & ~3;
            }
            arrived($queue, $id, $bytes, $own, $now) if defined $id;
        }
        $at += $length + 3 & ~3;
    }
}

while (1) {
    my $now = clock_gettime(CLOCK_MONOTONIC);
    my $next;
    for my $waiting (map { $_->{waiting} } values %lanes) {
        while (@$waiting && $waiting->[0][0] <= $now) {
            my (undef, $id, $queue) = @{ shift @$waiting };
            verdict($queue, $id, ACCEPT);
        }
        $next = $waiting->[0][0] if @$waiting && !(defined $next && $next < $waiting->[0][0]);
    }
    my $mask = '';
    vec($mask, fileno $link, 1) = 1;
    next unless select($mask, undef, undef, defined $next ? $next - $now : undef) > 0;
    # As many as are there at once, but never so long that one that is due waits for it.
    for (1 .. 64) {
        defined recv($link, my $datagram, 65_536, 0x40) or last;
        take($datagram);
    }
}
