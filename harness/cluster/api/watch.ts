/**
 * A watch that goes on: list, then stream from the list's version; after a break from the last version seen; after
 * 410 (the server has forgotten that version) from a new list, whose differences are delivered as events.
 * Every instant at which it was blind is reported as a gap.
 */
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { FaultlineError, messageOf } from "../../errors.ts";
import type { KubeObject, WatchEvent, WatchHandle, WatchOptions } from "../kube.ts";
import { createLineSplitter } from "./lines.ts";
import { query } from "./paths.ts";
import { readAll, type Transport } from "./transport.ts";

/** What the server is asked for, as one list. */
export interface ListPage {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}
export interface WatchTarget {
  readonly transport: Transport;
  /** Path of the collection. */
  readonly collection: string;
  readonly list: () => Promise<ListPage>;
  /** apiVersion and kind of the objects, which items of a list do not carry. */
  readonly type: { readonly apiVersion: string; readonly kind: string };
}
export interface WatchTiming {
  /** Silent for longer: the connection is taken for dead. The API server sends a bookmark about once a minute. */
  readonly silenceMs: number;
  /** A connection that held so long is taken up again without a pause. */
  readonly steadyMs: number;
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
}
export const WATCH_TIMING: WatchTiming = {
  silenceMs: 150_000,
  steadyMs: 1_000,
  backoffFirstMs: 50,
  backoffMaxMs: 3_000,
};

const now = () => process.hrtime.bigint();

class Expired extends Error {}
/** A fault of whoever listens, which no reconnect can heal. */
class HandlerError extends Error {}

/** Starts the watch; resolves when the first list was delivered and the stream is open, rejects when either fails. */
export async function startWatch(
  target: WatchTarget,
  options: WatchOptions,
  timing: WatchTiming = WATCH_TIMING,
): Promise<WatchHandle> {
  const stopping = new AbortController();
  const known = new Map<string, KubeObject>();
  let version = "";

  const deliver = (type: WatchEvent["type"], object: KubeObject, monotonicNs: bigint) => {
    if (type === "DELETED") known.delete(keyOf(object));
    else known.set(keyOf(object), object);
    try {
      options.onEvent({ type, object, monotonicNs });
    } catch (error) {
      throw new HandlerError("", { cause: error });
    }
  };

  async function relist(): Promise<void> {
    const page = await target.list();
    if (stopping.signal.aborted) return;
    const at = now();
    for (const event of differences(known, page.items, target.type)) deliver(event.type, event.object, at);
    version = page.resourceVersion;
  }

  function onLine(line: string, at: bigint): void {
    const event = parseEvent(line);
    version = event.object.metadata?.resourceVersion ?? version;
    if (event.type !== "BOOKMARK") deliver(event.type, event.object, at);
  }

  /** One connection to its end; `onAlive` at its headers and at every chunk. Throws when it broke. */
  async function streamOnce(onAlive: (at: bigint) => void): Promise<void> {
    const path =
      target.collection +
      query({
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: version,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
      });
    const message = await target.transport.stream(path, stopping.signal);
    if (message.statusCode !== 200) {
      const text = await readAll(message);
      if (message.statusCode === 410) throw new Expired("too old");
      throw new Error(`watch answered ${message.statusCode}: ${text.slice(0, 300)}`);
    }
    onAlive(now());
    await consume(message, timing.silenceMs, onAlive, onLine);
  }

  async function run(): Promise<void> {
    /** The last instant at which nothing could have been missed. */
    let seenUntil = now();
    let blindBecause: string | null = null;
    let backoffMs = timing.backoffFirstMs;
    let expired = false;
    let connectedOnce = false;
    const onAlive = (at: bigint) => {
      connectedOnce = true;
      connected.resolve();
      if (blindBecause !== null) options.onGap({ fromNs: seenUntil, toNs: at, why: blindBecause });
      blindBecause = null;
      seenUntil = at;
    };
    while (!stopping.signal.aborted) {
      const startedAt = now();
      try {
        if (expired) await relist();
        expired = false;
        await streamOnce(onAlive);
        if (blindBecause === null) seenUntil = now();
        blindBecause ??= "the connection ended";
      } catch (error) {
        if (error instanceof HandlerError) throw error.cause;
        if (error instanceof Expired) expired = true;
        else if (!connectedOnce && !stopping.signal.aborted) throw error;
        blindBecause = error instanceof Expired ? "the version was too old; listed anew" : messageOf(error);
      }
      // What held for a while is taken up at once; what failed quickly waits, longer each time.
      const quick = Number(now() - startedAt) / 1e6 < timing.steadyMs;
      if (quick) await sleep(backoffMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      backoffMs = quick ? Math.min(backoffMs * 2, timing.backoffMaxMs) : timing.backoffFirstMs;
    }
  }

  const connected = Promise.withResolvers<void>();
  await relist();
  const done = run();
  await Promise.race([connected.promise, done]);
  return {
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

interface StreamEvent {
  readonly type: WatchEvent["type"] | "BOOKMARK";
  readonly object: KubeObject;
}

function parseEvent(line: string): StreamEvent {
  const event = JSON.parse(line) as { readonly type: string; readonly object?: KubeObject };
  if (event.type === "ERROR") {
    const message = event.object?.message ?? line;
    throw event.object?.code === 410 ? new Expired(message) : new Error(`the API server ended the watch: ${message}`);
  }
  if (event.object === undefined) throw new Error(`an event without an object: ${line.slice(0, 200)}`);
  return event as StreamEvent;
}

/** Reads lines until the message ends; throws when it broke, was silent too long, or a line cannot be understood. */
async function consume(
  message: IncomingMessage,
  silenceMs: number,
  onAlive: (at: bigint) => void,
  onLine: (line: string, at: bigint) => void,
): Promise<void> {
  let at = now();
  const feed = createLineSplitter((line) => onLine(line, at));
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown) => {
      clearTimeout(silence);
      message.destroy();
      reject(error);
    };
    const silence = setTimeout(() => fail(new Error(`silent for ${silenceMs} ms`)), silenceMs);
    message.on("data", (chunk: Buffer) => {
      at = now();
      silence.refresh();
      try {
        feed(chunk);
        onAlive(at);
      } catch (error) {
        fail(error);
      }
    });
    message.once("error", fail);
    message.once("close", () => {
      clearTimeout(silence);
      resolve();
    });
  });
}

/** What changed between what was known and a new list, as events; a replaced object of the same name is a deletion and an addition. */
function differences(
  known: ReadonlyMap<string, KubeObject>,
  items: readonly KubeObject[],
  type: WatchTarget["type"],
): readonly { readonly type: WatchEvent["type"]; readonly object: KubeObject }[] {
  const listed = new Set(items.map(keyOf));
  const gone = [...known]
    .filter(([key]) => !listed.has(key))
    .map(([, object]) => ({ type: "DELETED" as const, object }));
  const changed = items.filter(
    (item) => known.get(keyOf(item))?.metadata?.resourceVersion !== item.metadata?.resourceVersion,
  );
  const present = changed.map((item) => ({
    type: known.has(keyOf(item)) ? ("MODIFIED" as const) : ("ADDED" as const),
    object: { ...type, ...item },
  }));
  return [...gone, ...present];
}

/** Uids are never used again, so a replaced object has another key. */
function keyOf(object: KubeObject): string {
  const key = object?.metadata?.uid;
  if (typeof key !== "string") throw new FaultlineError("cluster", "an object of a watch has no metadata.uid");
  return key;
}
