/**
 * checkout: a small real HTTP service whose behaviour on SIGTERM is a setting.
 *
 * `ON_SIGTERM=close` (the defect): stop listening at once, finish what is in flight, exit.
 * `ON_SIGTERM=serve` (a fix): go on serving, ask each client to close its connection, exit when the grace period ends.
 *
 * Each event is one JSON line on stdout with monotonic and wall time.
 */
import type { AddressInfo } from "node:net";
import { checkout, type Instant, instant } from "./server.ts";

const pod = process.env.POD_NAME ?? "checkout";
const onSigterm = process.env.ON_SIGTERM ?? "close";
/** Serving ends this long before the kubelet would send SIGKILL: time to finish what is in flight. */
const MARGIN_MS = 2_000;
const serveForMs = Math.max(0, Number(process.env.GRACE_SECONDS ?? 30) * 1_000 - MARGIN_MS);

if (onSigterm !== "close" && onSigterm !== "serve") {
  throw new Error(`ON_SIGTERM is "${onSigterm}"; it must be "close" or "serve"`);
}

const app = checkout({ pod, workRounds: Number(process.env.WORK_ROUNDS ?? 150) });

function log(event: string, at: Instant = instant(), detail: Record<string, unknown> = {}): void {
  const times = { monotonicNs: String(at.monotonicNs), wallMs: at.wallMs };
  process.stdout.write(`${JSON.stringify({ event, pod, ...times, ...detail })}\n`);
}

function exit(): void {
  const last = app.lastRequest();
  if (last !== null) log("last-request", last.at, { count: last.count });
  log("exit");
  process.exit(0);
}

function closeListener(): void {
  app.sayGoodbye();
  app.server.close(exit);
  log("listener-closed");
  // A connection that was busy a moment ago is idle now: close() itself looks only once.
  setInterval(() => app.closeIdle(), 20);
}

// Without a handler SIGTERM does nothing at all to process 1 of a container.
process.once("SIGTERM", () => {
  log("sigterm", instant(), { onSigterm });
  if (onSigterm === "close") {
    closeListener();
    return;
  }
  app.sayGoodbye();
  setTimeout(closeListener, serveForMs);
});

app.server.listen(Number(process.env.PORT ?? 8080), () => {
  log("listening", instant(), { port: (app.server.address() as AddressInfo).port, pid: process.pid });
});
