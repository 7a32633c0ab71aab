/**
 * A builder: a job whose first act is to ask for credentials. Then it "builds" until it is ended, whether it has them or
 * not: what is watched is how the job begins.
 *
 * Each event is one JSON line on stdout with monotonic and wall time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { credentials } from "./credentials.ts";
import { settingsOf } from "./settings.ts";

const pod = process.env.POD_NAME ?? "builder";

function log(event: string, detail: Readonly<Record<string, unknown>> = {}): void {
  const times = { monotonicNs: String(process.hrtime.bigint()), wallMs: Date.now() };
  process.stdout.write(`${JSON.stringify({ event, pod, ...times, ...detail })}\n`);
}

// Without a handler SIGTERM does nothing at all to process 1 of a container.
process.once("SIGTERM", () => process.exit(0));

const settings = settingsOf(process.env);
log("first-act");
await sleep(settings.sleepMs);
const { role, ...answer } = await credentials(settings);
if (role === null) log("no-credentials", answer);
else log("credentials", { role, ...answer });
setInterval(() => undefined, 60_000);
