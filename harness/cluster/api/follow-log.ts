/**
 * Follows a container's log from its first line until the container has ended and its pod is gone. The connection may
 * break any number of times: the log is asked for again from the second of the last line, and what was delivered is skipped.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject, LogHandle } from "../kube.ts";
import { createLineSplitter } from "./lines.ts";
import { query } from "./paths.ts";
import { readAll, type Transport } from "./transport.ts";

export interface LogTarget {
  readonly stream: Transport["stream"];
  readonly namespace: string;
  readonly name: string;
  readonly container?: string;
  /** RFC 3339; only lines from then on. */
  readonly sinceTime?: string;
  /** null: the pod is gone. */
  readonly pod: () => Promise<KubeObject | null>;
}

/** Between two looks at a pod whose log has ended. */
const LOOK_AGAIN_MS = 200;
/**
 * Between two looks at one whose log has not begun: longer each time. Each look goes through the API server to the
 * kubelet, and when many pods start at once, looks of all of them take the CPU that the starts need.
 */
const BEGIN_MS = { first: 200, factor: 1.5, most: 2_000 } as const;
/** Between two attempts after the API server refused or was not there. */
const RETRY_MS = 500;

type Outcome = "ended" | "not-started" | "pod-gone" | "broken";

export function startLogFollow(target: LogTarget, onLine: (line: string) => void): LogHandle {
  const stopping = new AbortController();
  const seen = createSeenLines(target.sinceTime);

  async function followOnce(): Promise<Outcome> {
    const path =
      `/api/v1/namespaces/${encodeURIComponent(target.namespace)}/pods/${encodeURIComponent(target.name)}/log` +
      query({ container: target.container, follow: true, timestamps: true, sinceTime: seen.askFrom() });
    const message = await target.stream(path, stopping.signal);
    if (message.statusCode !== 200) {
      // 400 is "waiting to start"; 500 comes while the kubelet is just making the container.
      await readAll(message);
      // The API server's 404, or that of a kubelet which has not heard of the pod yet.
      if (message.statusCode === 404) return (await target.pod()) === null ? "pod-gone" : "not-started";
      return message.statusCode === 400 ? "not-started" : "broken";
    }
    const skip = seen.beginPass();
    const feed = createLineSplitter((line) => {
      const { timestamp, text } = splitTimestamp(line);
      if (!skip(timestamp)) onLine(text);
    });
    return await new Promise<Outcome>((resolve) => {
      message.on("data", feed);
      message.once("error", () => resolve("broken"));
      message.once("close", () => resolve(message.complete ? "ended" : "broken"));
    });
  }

  async function run(): Promise<void> {
    /** Containers whose log was read once more after their end, so that nothing of it is missing. */
    const finished = new Set<string>();
    let beginMs: number = BEGIN_MS.first;
    while (!stopping.signal.aborted) {
      const outcome = await followOnce().catch((): Outcome => "broken");
      if (outcome === "pod-gone" || stopping.signal.aborted) return;
      await pause({ broken: RETRY_MS, "not-started": beginMs, ended: LOOK_AGAIN_MS }[outcome], stopping.signal);
      if (outcome === "not-started") beginMs = Math.min(beginMs * BEGIN_MS.factor, BEGIN_MS.most);
      if (outcome !== "ended") continue;
      while (!stopping.signal.aborted) {
        const pod = await target.pod().catch(() => undefined);
        if (pod === null) return;
        const ended = pod === undefined ? undefined : endedContainer(pod, target.container);
        if (ended === undefined) break;
        if (!finished.has(ended)) {
          finished.add(ended);
          break;
        }
        await pause(LOOK_AGAIN_MS, stopping.signal);
      }
    }
  }

  const done = run();
  return {
    ended: done,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => undefined);

/** The id of the container while it has ended and not been restarted. */
function endedContainer(pod: KubeObject, container: string | undefined): string | undefined {
  const statuses: readonly KubeObject[] = pod.status?.containerStatuses ?? [];
  const status = container === undefined ? statuses[0] : statuses.find((row) => row.name === container);
  const terminated = status?.state?.terminated;
  return terminated === undefined ? undefined : (terminated.containerID ?? "unknown");
}

/** `2026-01-02T03:04:05.123456789Z text` */
export function splitTimestamp(line: string): { readonly timestamp: string; readonly text: string } {
  const space = line.indexOf(" ");
  return space === -1
    ? { timestamp: line, text: "" }
    : { timestamp: line.slice(0, space), text: line.slice(space + 1) };
}

/**
 * Remembers how many lines each timestamp of the last second had: the API takes only whole seconds as a start, so that
 * lines of the last second come again after a reconnect.
 */
export function createSeenLines(sinceTime?: string) {
  let second: string | undefined;
  let counts = new Map<string, number>();

  return {
    /** Where the next connection is to begin. */
    askFrom: (): string | undefined => (second === undefined ? sinceTime : `${second}Z`),
    /** For one connection: tells for each of its lines, in order, whether it was delivered before; remembers it if not. */
    beginPass(): (timestamp: string) => boolean {
      const left = new Map(counts);
      return (timestamp) => {
        const again = left.get(timestamp) ?? 0;
        if (again > 0) {
          left.set(timestamp, again - 1);
          return true;
        }
        const itsSecond = timestamp.slice(0, "2026-01-02T03:04:05".length);
        if (second === undefined || itsSecond > second) {
          second = itsSecond;
          counts = new Map();
        }
        counts.set(timestamp, (counts.get(timestamp) ?? 0) + 1);
        return false;
      };
    },
  };
}
