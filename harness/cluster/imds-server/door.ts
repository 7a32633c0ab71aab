/** A server that can refuse: its port is closed and opened again while the process runs. */
import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const RETRY_MS = 100;

export interface Door {
  /** Listens as soon as the address can be had: the node may not have claimed it yet, an earlier process may hold it. */
  readonly open: () => void;
  /** New connections are refused, those that are there are reset. */
  readonly close: () => void;
}

export function doorOf(
  server: Server,
  address: { readonly host: string; readonly port: number },
  dropClients: () => void,
): Door {
  let isWanted = false;
  let isTrying = false;
  const keepTrying = async () => {
    isTrying = true;
    while (isWanted && !server.listening) if (!(await listens(server, address))) await sleep(RETRY_MS);
    isTrying = false;
  };
  return {
    open: () => {
      isWanted = true;
      if (!isTrying) void keepTrying();
    },
    close: () => {
      isWanted = false;
      if (server.listening) server.close();
      dropClients();
    },
  };
}

function listens(server: Server, address: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const done = () => {
      server.off("error", done).off("listening", done);
      resolve(server.listening);
    };
    server.once("error", done).once("listening", done).listen(address);
  });
}
