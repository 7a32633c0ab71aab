/** A list and then a watch of one collection of the API server, for as long as the process lives. */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

// biome-ignore lint/suspicious/noExplicitAny: the API's objects have no closed shape.
type KubeObject = any;

export interface FollowOptions {
  /** `/api/v1/pods` */
  readonly path: string;
  /** `fieldSelector=…`, encoded. */
  readonly query: string;
  readonly onList: (objects: readonly KubeObject[]) => void;
  readonly onEvent: (type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject) => void;
}

/** Where the kubelet puts what a pod needs to reach the API server. */
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** The API server ends the watch then; it is opened again from where it was. */
const WATCH_S = 300;
const RETRY_MS = 250;
/** A list that takes longer has lost its connection. */
const LIST_TIMEOUT_MS = 15_000;
/** A watch whose connection died without a word is noticed by then: bookmarks come once a minute. */
const SILENCE_MS = 90_000;

export async function follow(options: FollowOptions): Promise<never> {
  let version: string | null = null;
  while (true) {
    try {
      if (version === null) {
        const list = JSON.parse(await read(`${options.path}?${options.query}`));
        options.onList(list.items ?? []);
        version = list.metadata.resourceVersion as string;
      }
      version = await watch(options, version);
    } catch {
      // Nobody to tell: what is in force is what was seen last, and the status says how many pods are known.
      await sleep(RETRY_MS);
    }
  }
}

/** @returns the version to go on from; null: a new list is needed. */
async function watch(options: FollowOptions, from: string): Promise<string | null> {
  const query = `${options.query}&watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_S}&resourceVersion=${from}`;
  let version = from;
  let gone = false;
  let rest = "";
  await call(`${options.path}?${query}`, SILENCE_MS, (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter((one) => one !== "")) {
      const { type, object } = JSON.parse(line);
      if (type === "ERROR") gone = true;
      else version = object.metadata.resourceVersion;
      if (["ADDED", "MODIFIED", "DELETED"].includes(type)) options.onEvent(type, object);
    }
  }).catch(async () => sleep(RETRY_MS));
  return gone ? null : version;
}

async function read(path: string): Promise<string> {
  let body = "";
  await call(path, LIST_TIMEOUT_MS, (chunk) => {
    body += chunk;
  });
  return body;
}

/** Resolves at the end of the answer. The token is read each time: the kubelet renews it. */
function call(path: string, silenceMs: number, onChunk: (chunk: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: process.env.KUBERNETES_SERVICE_HOST,
        port: process.env.KUBERNETES_SERVICE_PORT,
        path,
        agent: false,
        timeout: silenceMs,
        ca: readFileSync(`${ACCOUNT}/ca.crt`),
        headers: { authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, "utf8")}` },
      },
      (answer) => {
        if (answer.statusCode !== 200) asked.destroy(new Error(`HTTP ${answer.statusCode}`));
        answer.setEncoding("utf8").on("data", onChunk).on("end", resolve).on("error", reject);
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("silence")));
    asked.on("error", reject);
    asked.end();
  });
}
