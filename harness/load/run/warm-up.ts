/**
 * Requests to a server of our own, before the first one that counts: code that runs for the first time takes ten times
 * as long, which would look like latency of the system in the first tenth of a second.
 */
import { once } from "node:events";
import net from "node:net";
import { httpModule } from "../k6/http.ts";
import { Metrics } from "../k6/metrics.ts";
import { Vu } from "../k6/vu.ts";
import { lookOnly } from "./look.ts";

/** Enough for the compiler to have seen the paths of a request; takes some 50 ms. */
const REQUESTS = 200;
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Pod: warm-up\r\nContent-Length: 2\r\n\r\nok";

export async function warmUp(): Promise<void> {
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", () => socket.write(ANSWER));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
  const vu = new Vu(0, "warm-up", {}, {});
  const http = httpModule(vu, lookOnly(new Metrics())) as {
    request(method: string, url: string, body: string | null, params: object): Promise<unknown>;
  };
  for (let request = 0; request < REQUESTS; request++) {
    const post = request % 4 === 0;
    const headers: Record<string, string> = request % 8 === 0 ? { Connection: "close" } : { Accept: "*/*" };
    await http.request(post ? "POST" : "GET", url, post ? "body" : null, {
      headers,
      tags: { name: "x" },
      timeout: "5s",
    });
  }
  vu.connections.closeIdle();
  server.close();
}
