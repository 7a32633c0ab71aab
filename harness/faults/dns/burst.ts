/**
 * How many queries a second a pod gets answered: a program of its node sends some from the pod's network, twice as many
 * as are to be served, and counts the answers.
 */
import { lookFromPods, type PodPlace } from "../agent/in-pods.ts";
import type { Target } from "../agent/pod-network.ts";
import { queryFor } from "../agent-image/dns-message.ts";
import type { FaultContext } from "../fault.ts";

/** Every cluster's DNS answers it from its own zone. */
const NAME = "kubernetes.default.svc.cluster.local";

/** Of one pod. */
export interface Burst {
  readonly pod: string;
  /** The pod asks the cluster's DNS at all. */
  readonly asksCluster: boolean;
  /** Queries of one second. */
  readonly asked: number;
  readonly answered: number;
}

/** What was saved up is used up first, by a flood that counts for nothing; then a second of queries at even distances. */
const PROGRAM = `
use strict; use Socket; use Time::HiRes qw(time);
my ($server, $rate, $query) = @ARGV;
socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die; connect($socket, sockaddr_in(53, inet_aton($server))) or die;
my %open; my $answered = 0;
sub answers {
  my ($until, $to_the_last) = @_;
  while (!$to_the_last || %open) {
    my $left = $until - time; my $ready = "";
    vec($ready, fileno($socket), 1) = 1;
    last if !select($ready, undef, undef, $left > 0 ? $left : 0);
    my $message = "";
    defined(recv($socket, $message, 4096, 0)) or next;
    my $id = unpack("n", $message);
    if (delete $open{$id}) { $answered++ }
  }
}
sub ask { my $id = shift; send($socket, pack("n", $id) . substr(pack("H*", $query), 2), 0) }
my $flood = 2 * $rate + 10;
ask($_) for 1 .. $flood;
my $asked = 2 * $rate; my $began = time;
for my $i (1 .. $asked) {
  answers($began + $i / $asked);
  $open{20000 + $i} = 1;
  ask(20000 + $i);
}
answers(time + 1.5, 1);
print "$asked $answered\\n";
`;

/** Bursts from the pods that are still there. @param perSecond what is to be served; twice as much is asked for. */
export async function askFrom(
  context: FaultContext,
  pods: readonly Target[],
  server: string,
  perSecond: number,
): Promise<readonly Burst[]> {
  return (await lookFromPods(context, pods, (here) => scriptFor(here, server, perSecond))).map(burstOf);
}

function scriptFor(pods: readonly PodPlace[], server: string, perSecond: number): string {
  const query = queryFor(NAME, 0).toString("hex");
  const asks = pods.map(({ name, network }) => `ask ${name} ${network.path} ${network.resolvConf} &`);
  return `ask() {
  local asks=no
  ! grep -qE '^nameserver ${server}\\s*$' "$3" || asks=yes
  echo "$1 $asks $(timeout 20 nsenter --net="$2" perl -e "$PROGRAM" ${server} ${perSecond} ${query} || echo 0 0)"
}
read -r -d '' PROGRAM <<'PERL'
${PROGRAM}
PERL
${asks.join("\n")}
wait`;
}

/** Pure. */
export function burstOf(line: string): Burst {
  const [pod = "", asks, asked, answered] = line.split(" ");
  return { pod, asksCluster: asks === "yes", asked: Number(asked), answered: Number(answered) };
}
