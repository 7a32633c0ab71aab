/** Stands for a service of AWS: answers what is signed with living credentials, after a while, and refuses the rest. */
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "./signature.ts";

const workMs = Number(process.env.WORK_MS ?? 5);

const server = createServer(async (request, response) => {
  request.resume();
  const path = new URL(request.url ?? "/", "http://upstream").pathname;
  if (path === "/ready") {
    response.end("ready\n");
    return;
  }
  const answer = check({ method: request.method ?? "GET", path, headers: request.headers }, Date.now());
  if (answer === "ok") await sleep(workMs);
  response.writeHead(answer === "ok" ? 200 : 403, { "content-type": "application/json" });
  response.end(`${JSON.stringify(answer === "ok" ? { found: 1 } : { __type: answer })}\n`);
});
// Longer than clients keep their idle connections, so that they are always the ones to close them.
server.keepAliveTimeout = 120_000;
server.listen(Number(process.env.PORT ?? 8080));
// Without a handler SIGTERM does nothing at all to process 1 of a container.
process.once("SIGTERM", () => process.exit(0));
