/** An HTTP server that speaks as much of the Kubernetes API as a test scripts, bad behaviour included. */
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { createKube } from "../cluster/api/client.ts";
import { WATCH_TIMING, type WatchTiming } from "../cluster/api/watch.ts";

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}
export type Handler = (request: FakeRequest, response: http.ServerResponse) => void;

export interface FakeApiServer {
  readonly url: string;
  readonly kube: ReturnType<typeof createKube>;
  /** Everything asked so far, `GET /api/v1/pods?watch=true`. */
  readonly asked: readonly string[];
  openConnections(): Promise<number>;
  close(): Promise<void>;
}

const DISCOVERY: Readonly<Record<string, readonly object[]>> = {
  "/api/v1": [
    { name: "pods", kind: "Pod", namespaced: true },
    { name: "pods/log", kind: "Pod", namespaced: true },
    { name: "namespaces", kind: "Namespace", namespaced: false },
  ],
  "/apis/apps/v1": [{ name: "deployments", kind: "Deployment", namespaced: true }],
};

/** @param handle sees every request but discovery's. */
export async function fakeApiServer(handle: Handler, timing: Partial<WatchTiming> = {}): Promise<FakeApiServer> {
  const asked: string[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "/", "http://fake");
    asked.push(`${request.method} ${url.pathname}${decodeURIComponent(url.search)}`);
    const resources = DISCOVERY[url.pathname];
    if (resources !== undefined) return json(response, 200, { kind: "APIResourceList", resources });
    const body = Buffer.concat(chunks).toString("utf8");
    handle(
      { method: request.method ?? "", path: url.pathname, query: url.searchParams, headers: request.headers, body },
      response,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kube = createKube(async () => ({ server: url, tls: {}, headers: async () => ({}) }), {
    ...WATCH_TIMING,
    ...timing,
  });
  return {
    url,
    kube,
    asked,
    openConnections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    close: async () => {
      kube.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(response: http.ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

export function refusal(response: http.ServerResponse, code: number, reason: string, message: string): void {
  json(response, code, { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message });
}
