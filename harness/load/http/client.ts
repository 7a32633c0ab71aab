/**
 * A lean HTTP/1.1 client: no pipelining, no retries, no redirects. What happens on the wire is what is reported.
 *
 * A request on a pooled connection that the server closes before it answers is a failure here (`eof` or `reset`,
 * connection `pooled`). Many clients silently send such a request again, which hides exactly what an experiment
 * looks for. A connection whose end was seen before the request was due is not used any more.
 */
import dns from "node:dns";
import type net from "node:net";
import { Connection, type ConnectionSettings } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { wantedHeader } from "./parser.ts";
import { Timeouts } from "./timeouts.ts";

/** How long an answer of the resolver is used: the default of k6. */
const DNS_TTL_MS = 5 * 60_000;

/** The idle connections of one virtual user, most recently used first, and its requests in flight. */
export class ConnectionPool {
  readonly #idle = new Map<string, Connection[]>();
  /** A list, since it is short, and a set that is filled and emptied all the time makes work for the collector. */
  readonly #busy: Connection[] = [];

  take(origin: string): Connection | undefined {
    const idle = this.#idle.get(origin);
    while (idle !== undefined && idle.length > 0) {
      const connection = idle.pop();
      if (connection !== undefined && !connection.closed) return connection;
    }
    return undefined;
  }

  lend(connection: Connection): void {
    this.#busy.push(connection);
  }

  giveBack(connection: Connection): void {
    this.#busy.splice(this.#busy.indexOf(connection), 1);
    if (connection.closed) return;
    const idle = this.#idle.get(connection.origin);
    if (idle === undefined) this.#idle.set(connection.origin, [connection]);
    else idle.push(connection);
  }

  /** Ends idle connections; requests in flight go on. */
  closeIdle(): void {
    for (const idle of this.#idle.values()) for (const connection of idle) connection.destroy();
    this.#idle.clear();
  }

  /** Ends everything; requests in flight are reported as interrupted. */
  interrupt(): void {
    this.closeIdle();
    for (const connection of [...this.#busy]) connection.abort("interrupted", "the load was stopped");
  }
}

export interface ClientSettings {
  /** Name of the response header that names the pod that answered. */
  readonly podHeader: string;
  readonly insecureSkipTlsVerify: boolean;
}

export class HttpClient {
  readonly #timeouts = new Timeouts();
  readonly #settings: ConnectionSettings;

  constructor(settings: ClientSettings) {
    this.#settings = {
      podHeader: wantedHeader(settings.podHeader),
      rejectUnauthorized: !settings.insecureSkipTlsVerify,
      lookup: cachedLookup(),
    };
  }

  /** Sends a request; `onDone` is called once, with `exchange` filled in. Never throws for what the network does. */
  send(exchange: Exchange, pool: ConnectionPool, onDone: (exchange: Exchange) => void): void {
    const { target, reuse, timeoutMs } = exchange.spec;
    const pooled = reuse ? pool.take(target.origin) : undefined;
    const connection = pooled ?? new Connection(target, this.#settings);
    exchange.connection = pooled === undefined ? "new" : "pooled";
    exchange.carrier = connection;
    this.#timeouts.add(exchange, exchange.startMs, timeoutMs);
    pool.lend(connection);
    connection.send(exchange, (done, used) => {
      done.carrier = null;
      this.#timeouts.remove(done);
      pool.giveBack(used);
      onDone(done);
    });
  }
}

/** The system's resolver with a memory, so that a look-up is not part of every new connection. */
function cachedLookup(): net.LookupFunction {
  const known = new Map<string, { readonly addresses: dns.LookupAddress[]; readonly untilMs: number }>();
  return (hostname, options, callback) => {
    const answer = (addresses: dns.LookupAddress[]) => {
      const first = addresses[0] as dns.LookupAddress;
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    };
    const hit = known.get(hostname);
    if (hit !== undefined && hit.untilMs > performance.now()) return process.nextTick(answer, hit.addresses);
    dns.lookup(hostname, { all: true, order: "ipv4first" }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      known.set(hostname, { addresses, untilMs: performance.now() + DNS_TTL_MS });
      answer(addresses);
    });
  };
}
