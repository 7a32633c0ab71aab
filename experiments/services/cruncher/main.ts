/**
 * cruncher: a service that needs CPU time whether anybody asks it something or not, as one that works off a queue does.
 *
 * `CPU_DEMAND` is the CPU time that its work takes, in CPUs. Where it gets less the work piles up, and it takes all that
 * it can get. HTTP requests are answered in between.
 */
import { createServer } from "node:http";
import { createBacklog } from "./backlog.ts";

const pod = process.env.POD_NAME ?? "cruncher";
const cpus = Number(process.env.CPU_DEMAND ?? 0.13);
if (!(cpus >= 0 && cpus <= 1)) throw new Error(`CPU_DEMAND is "${process.env.CPU_DEMAND}"; it must be from 0 to 1`);

/** CPU time between two looks at what else is to be done: what a request waits for at the least. */
const SLICE_MS = 4;
const IDLE_MS = 10;
const backlog = createBacklog(cpus);

function work(): void {
  if (backlog.owedMs() < SLICE_MS) {
    setTimeout(work, IDLE_MS);
    return;
  }
  backlog.work(SLICE_MS);
  setImmediate(work);
}

const server = createServer((request, response) => {
  request.resume();
  response.setHeader("x-pod", pod);
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify({ pod, owedMs: Math.round(backlog.owedMs()) })}\n`);
});
// Longer than a proxy keeps its idle connections (Traefik: 90 s), so that the proxy is always the one to close them.
server.keepAliveTimeout = 120_000;

// Without a handler SIGTERM does nothing at all to process 1 of a container. Whoever asks has been sent elsewhere by
// then: the preStop hook of its pods sees to that.
process.once("SIGTERM", () => process.exit(0));
server.listen(Number(process.env.PORT ?? 8080), () => {
  process.stdout.write(`${JSON.stringify({ event: "listening", pod, cpus, address: server.address() })}\n`);
  work();
});
