/** Ports of 127.0.0.1 for what is published from containers. */
import { createServer } from "node:net";
import { FaultlineError } from "../errors.ts";

/**
 * Below the ports from which kernels take the client side of connections (Linux from 32768, others from 49152): a load
 * generator's connections take any of those at any moment, between looking and publishing too.
 */
const FIRST = 20_000;
const COUNT = 10_000;

/**
 * Ports that nobody listens on now, found from a place that the name decides: two clusters that are created at the
 * same time look in different places.
 */
export async function freePorts(name: string, count: number): Promise<readonly number[]> {
  const found: number[] = [];
  const start = placeOf(name);
  for (let offset = 0; offset < COUNT && found.length < count; offset++) {
    const port = FIRST + ((start + offset) % COUNT);
    if (await isFree(port)) found.push(port);
  }
  if (found.length === count) return found;
  throw new FaultlineError("cluster", `no free port between ${FIRST} and ${FIRST + COUNT - 1} on 127.0.0.1`, {
    fix: "See what listens there: ss -ltnp.",
  });
}

/** One such port. */
export async function freePort(name = ""): Promise<number> {
  return (await freePorts(name, 1))[0] as number;
}

function placeOf(name: string): number {
  let place = process.pid;
  for (const char of name) place = (place * 31 + (char.codePointAt(0) ?? 0)) % COUNT;
  return place;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
