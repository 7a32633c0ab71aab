/**
 * What watches nodes from this machine and takes down those that stay overloaded: read by the shell that holds the
 * fault's lease (`startOnHost`), four times a second, whatever becomes of the harness.
 *
 * Beside it are `seen` (a line for each node that is up: when it was looked at in hundredths of a second since the
 * machine's boot, the name, CPU time used so far in µs, tenths of a percent of its capacity in use and hundredths of a
 * second since when) and `downs` (when, the name, tenths of a percent, and hundredths of a second for how long).
 */
import type { CpuFiles } from "../../cluster/provider.ts";

export interface Watched {
  readonly name: string;
  readonly container: string;
  readonly files: CpuFiles;
}
export interface Rule {
  /** Percent of the node's cap, or of the machine where it has none. */
  readonly threshold: number;
  readonly forMs: number;
  readonly maxDown: number;
  /** Of the machine. */
  readonly processors: number;
}

/** A cap gives time out in steps of a tenth of a second: a shorter look would be off by several percent. */
const LEAST_LOOK_MS = 2_000;

/**
 * Use is counted from an instant on, and on from a later one as soon as its mean falls below the threshold; once the mean
 * has held for long enough the node goes down, and no node does so twice.
 */
export function watchScript(nodes: readonly Watched[], rule: Rule): string {
  const looks = nodes.map(
    ({ name, container, files }, i) =>
      `watch_node ${i} ${name} ${container} '${files.usage}' ${files.perMs / 1_000} '${files.quota}'`,
  );
  return `here=$1 seen=
touch "$here/downs"
watch_node() {
  while read -r _ name _; do
    [ "$name" != "$2" ] || return 0
  done < "$here/downs"
  read -r up _ < /proc/uptime
  now=\${up%.*}\${up#*.}
  read -r used more < "$4" || return 0
  used=$((\${more:-$used} / $5))
  # What a hundredth of a second holds of the node's CPU time, in µs.
  room=$((${rule.processors} * 10000))
  read -r quota period < "$6"
  [ -n "$period" ] || read -r period < "\${6%quota_us}period_us"
  case $quota in max | -* | '') ;; *) room=$((quota * 10000 / period)) ;; esac
  eval "since=\\\${since_$1:-$now} from=\\\${from_$1:-$used}"
  lasted=$((now - since)) percent=0
  [ "$lasted" -le 0 ] || percent=$(((used - from) * 1000 / lasted / room))
  if [ "$lasted" -ge ${hundredths(Math.min(LEAST_LOOK_MS, rule.forMs))} ] && [ "$percent" -lt ${Math.round(rule.threshold * 10)} ]; then
    since=$now from=$used
  fi
  eval "since_$1=$since from_$1=$from"
  seen="$seen$now $2 $used $percent $lasted
"
  [ "$since" != "$now" ] && [ "$lasted" -ge ${hundredths(rule.forMs)} ] || return 0
  downs=0
  while read -r _; do downs=$((downs + 1)); done < "$here/downs"
  [ "$downs" -lt ${rule.maxDown} ] || return 0
  echo "$now $2 $percent $lasted" >> "$here/downs"
  tries=0
  until $BOUND docker pause "$3" > /dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 20 ] || return 0
    sleep 0.5
  done
}
${looks.join("\n")}
echo "$seen" > "$here/seen"`;
}

const hundredths = (ms: number) => Math.round(ms / 10);

/** A line of `seen` or of `downs`. */
export interface WatchLine {
  /** Since the machine's boot. */
  readonly atMs: number;
  readonly node: string;
  /** CPU time used so far; only of `seen`. */
  readonly usedUs: number;
  readonly percent: number;
  readonly lastedMs: number;
}

export const seenLines = (text: string | null): readonly WatchLine[] =>
  rowsOf(text, 5).map(([at, node = "", used, percent, lasted]) => ({
    atMs: Number(at) * 10,
    node,
    usedUs: Number(used),
    percent: Number(percent) / 10,
    lastedMs: Number(lasted) * 10,
  }));

export const downLines = (text: string | null): readonly WatchLine[] =>
  seenLines(
    rowsOf(text, 4)
      .map(([at, node, ...rest]) => [at, node, 0, ...rest].join(" "))
      .join("\n"),
  );

const rowsOf = (text: string | null, fields: number) =>
  (text ?? "")
    .split("\n")
    .map((line) => line.trim().split(" "))
    .filter((row) => row.length === fields);
