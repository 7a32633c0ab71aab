/**
 * What takes a node's memory: a program in a unit of its own with a hard limit, the first that the kernel would kill.
 * It looks at the machine's free memory before each bite and each second after, and lets go when too little is left.
 */

import { START_WITHOUT, startWith } from "../kubelet/flags.ts";
import type { NodePart } from "../node/on-node.ts";

export interface Hog {
  readonly id: string;
  readonly memoryMiB: number;
  /** Of the machine's memory, what must stay available to others. */
  readonly reserveMiB: number;
  /** The kubelet speaks of pressure when less is available, as it counts; in KiB. */
  readonly thresholdKiB: number;
}

const BITE_MIB = 16;
/** Of the program itself. */
const OWN_MIB = 48;
/** A soft threshold's grace, in which nothing is evicted: longer than any run. */
const NEVER = "24h";

/** Bites are filled byte by byte, so that the kernel has to give them. */
const PROGRAM = `
use strict;
my ($mib, $reserve, $dir) = @ARGV;
sub spare {
  open(my $file, "<", "/proc/meminfo") or return 0;
  while (<$file>) { return $1 / 1024 >= $reserve if /^MemAvailable:\\s+(\\d+)/ }
  return 0;
}
my @held;
sub let_go {
  @held = ();
  open(my $file, ">", "$dir/let-go");
  exit 0;
}
while (@held * ${BITE_MIB} < $mib) {
  spare() or let_go();
  my $bite = "";
  vec($bite, ${BITE_MIB} * 1048576 - 1, 8) = 1;
  push @held, \\$bite;
}
open(my $file, ">", "$dir/full");
close($file);
while (1) { sleep(1); spare() or let_go(); }
`;

export function hogPart({ id, memoryMiB, reserveMiB, thresholdKiB }: Hog): NodePart {
  const limit = (memoryMiB + OWN_MIB) * 1024 * 1024;
  return {
    id,
    inject: `set -eu
cat > "$DIR/hog.pl" <<'HOG'
${PROGRAM}
HOG
if ! systemctl is-active --quiet "$ID-hog"; then
  rm -f "$DIR/full" "$DIR/let-go"
  systemd-run --quiet --collect --unit="$ID-hog" --property=MemoryMax=${limit} --property=MemorySwapMax=0 \\
    --property=OOMScoreAdjust=1000 --property=KillSignal=SIGKILL perl "$DIR/hog.pl" ${memoryMiB} ${reserveMiB} "$DIR"
fi
for at in /sys/fs/cgroup/memory/system.slice/$ID-hog.service/memory.limit_in_bytes /sys/fs/cgroup/system.slice/$ID-hog.service/memory.max; do
  [ -r "$at" ] && [ "$(cat "$at")" = ${limit} ] && limited=1
done
[ -n "\${limited:-}" ] || { echo "the group of $ID-hog has no limit"; exit 1; }
tries=0
until [ -e "$DIR/full" ]; do
  # Before the file is looked for: a program that has let go ends after it has said so.
  systemctl is-active --quiet "$ID-hog" && ((++tries < 600)) || ended=1
  [ ! -e "$DIR/let-go" ] || { echo "the machine has less than ${reserveMiB} MiB to spare"; exit 1; }
  [ -z "\${ended:-}" ] || { echo "the memory could not be taken"; exit 1; }
  sleep 0.05
done
${startWith([`--eviction-soft=memory.available<${thresholdKiB}Ki`, `--eviction-soft-grace-period=memory.available=${NEVER}`])}`,
    undo: `systemctl stop "$ID-hog" 2> /dev/null
${START_WITHOUT}
! systemctl is-active --quiet "$ID-hog"`,
  };
}
