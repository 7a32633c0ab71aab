/**
 * Which pods have started, by what the container runtime of the node tells: neither by the calls that created them, nor
 * by the kubelet's reports, which another fault may hold back.
 */
import type { NodeHandle } from "../../cluster/provider.ts";
import { NODE_FOLDER } from "../node/on-node.ts";

const TIMEOUT_MS = 20_000;

/** A line for each start of a container: the runtime's nanoseconds and the pod's name. */
export const RECORD_STARTS = `cat > "$DIR/starts.sh" <<'STARTS-END'
form='{{.containerEventType}} {{.createdAt}} {{.containerId}} {{.podSandboxStatus.id}} {{.podSandboxStatus.metadata.name}}'
while [ -e "$DIR/until" ]; do
  crictl events --output go-template --template "$form" 2>> "$DIR/log" | while read -r type at container sandbox pod; do
    case $type:$pod in CONTAINER_STARTED_EVENT:$ID-*) [ "$container" = "$sandbox" ] || echo "$at $pod" >> "$DIR/starts" ;; esac
  done
  sleep 0.2
done
STARTS-END
[ -e "$DIR/since" ] || date +%s%N > "$DIR/since"
systemctl is-active --quiet "$ID-starts" || systemd-run --quiet --collect --unit="$ID-starts" \\
  --setenv=ID="$ID" --setenv=DIR="$DIR" bash "$DIR/starts.sh"`;

export interface Starts {
  /** Seconds on the node's clock: when recording began, and now. */
  readonly since: number;
  readonly now: number;
  /** Instants of the first start of a container of each pod, in order. */
  readonly at: readonly number[];
}

/** null where nothing is recorded: the fault is not in. */
export async function readStarts(node: NodeHandle, id: string): Promise<Starts | null> {
  const folder = `${NODE_FOLDER}/${id}`;
  const script = `cat ${folder}/since || exit 3; date +%s%N; cat ${folder}/starts 2> /dev/null; true`;
  const { exitCode, stdout } = await node.exec(["sh", "-c", script], { timeoutMs: TIMEOUT_MS, accept: [0, 3] });
  return exitCode === 3 ? null : parseStarts(stdout);
}

export function parseStarts(text: string): Starts {
  const [since, now, ...lines] = text.split("\n").filter((line) => line !== "");
  const seconds = (nanoseconds: string | undefined) => Number(nanoseconds) / 1e9;
  const first = new Map<string, number>();
  for (const line of lines) {
    const [at, pod = ""] = line.split(" ");
    // The runtime first tells a new listener what happened before: what an earlier run of the same fault started.
    if (seconds(at) >= seconds(since) && !first.has(pod)) first.set(pod, seconds(at));
  }
  return { since: seconds(since), now: seconds(now), at: [...first.values()].sort((a, b) => a - b) };
}

/** Each node's own recording as one. */
export function allStarts(nodes: readonly Starts[]): Starts {
  return {
    since: Math.min(...nodes.map(({ since }) => since)),
    now: Math.max(...nodes.map(({ now }) => now)),
    at: nodes.flatMap(({ at }) => at).sort((a, b) => a - b),
  };
}

export interface StartRate {
  readonly perSecond: number;
  /** Over how many seconds; 0 before there are enough. */
  readonly overSeconds: number;
  /** A rush that is over: nothing changes any more. */
  readonly isOver: boolean;
}
/** A window so long that a start more or less is no more than this share of the rate. */
const STARTS_IN_WINDOW = 40;
const MIN_WINDOW_S = 10;

/**
 * Over the last window, and over everything but the first window when there was time for three: the first pods start
 * faster than the later ones, which is no change of the rate. Of a rush that is over, from its first start to its last.
 */
export function startRate({ at, now }: Starts, asked: number, pods: number | null = null): StartRate {
  const first = at[0];
  const last = at.at(-1);
  if (first === undefined || last === undefined) return { perSecond: 0, overSeconds: 0, isOver: false };
  if (pods !== null && (at.length >= pods || (now - last > MIN_WINDOW_S && now - first > pods / asked))) {
    return { perSecond: (at.length - 1) / (last - first), overSeconds: last - first, isOver: true };
  }
  const window = Math.max(MIN_WINDOW_S, STARTS_IN_WINDOW / asked);
  if (now - first < window) return { perSecond: 0, overSeconds: 0, isOver: false };
  const from = now - first >= 3 * window ? first + window : now - window;
  const overSeconds = now - from;
  return { perSecond: at.filter((one) => one > from).length / overSeconds, overSeconds, isOver: false };
}
