import { once } from "node:events";
import https from "node:https";
import net from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../testing/self-signed.ts";
import { monotonicMs } from "../clock.ts";
import { ConnectionPool, HttpClient } from "./client.ts";
import { Exchange, type RequestSpec } from "./exchange.ts";

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** A server that answers every request with what `answer` does to its socket. */
async function serve(answer: (socket: net.Socket, request: string, count: number) => unknown): Promise<number> {
  let count = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => answer(socket, bytes.toString(), ++count));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push(server, { close: () => [...sockets].map((socket) => socket.destroy()) });
  return (server.address() as net.AddressInfo).port;
}

const client = new HttpClient({ podHeader: "X-Pod", insecureSkipTlsVerify: false });

function request(
  port: number,
  pool = new ConnectionPool(),
  spec: Partial<RequestSpec> = {},
  by = client,
): Promise<Exchange> {
  const target = {
    origin: `http://127.0.0.1:${port}`,
    secure: false,
    host: "127.0.0.1",
    port,
    serverName: "127.0.0.1",
    ...spec.target,
  };
  const method = spec.method ?? "GET";
  const head = `${method} / HTTP/1.1\r\nHost: x\r\n\r\n`;
  const full = { method, head, body: null, timeoutMs: 5000, keepBody: true, reuse: true, ...spec, target };
  return new Promise((resolve) => by.send(new Exchange(full, monotonicMs()), pool, resolve));
}

/** Writes the text in pieces of so many bytes, each in a packet of its own. */
async function inPieces(socket: net.Socket, text: string, size: number): Promise<void> {
  for (let at = 0; at < text.length; at += size) {
    socket.write(text.slice(at, at + size), "latin1");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe("a response", () => {
  const long = "x".repeat(200_000);
  const cases: [name: string, bytes: string, status: number, body: string, reusable: boolean][] = [
    ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Pod: a\r\n\r\nhello", 200, "hello", true],
    ["without body", "HTTP/1.1 204 No Content\r\nX-Pod: a\r\n\r\n", 204, "", true],
    ["not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nX-Pod: a\r\n\r\n", 304, "", true],
    [
      "in chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nx-pod: a\r\n\r\n5\r\nhello\r\nA;ext=1\r\n, world!!!\r\n0\r\nTrailer: 1\r\n\r\n",
      200,
      "hello, world!!!",
      true,
    ],
    [
      "after others",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-POD: a\r\nContent-Length: 1\r\n\r\n!",
      200,
      "!",
      true,
    ],
    [
      "that closes",
      "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nX-Pod: a\r\nContent-Length: 2\r\n\r\nno",
      502,
      "no",
      false,
    ],
    ["of HTTP/1.0", "HTTP/1.0 200 OK\r\nX-Pod: a\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false],
    [
      "longer than a read",
      `HTTP/1.1 200 OK\r\nX-Pod: a\r\nContent-Length: ${long.length}\r\n\r\n${long}`,
      200,
      long,
      true,
    ],
  ];
  test.each(cases)("%s", async (_name, bytes, status, body, reusable) => {
    const port = await serve((socket) => socket.write(bytes, "latin1"));
    const pool = new ConnectionPool();
    const first = await request(port, pool);
    expect(first).toMatchObject({ status, error: "", pod: "a", connection: "new" });
    expect(first.body.toString() === body).toBe(true);
    expect((await request(port, pool)).connection).toBe(reusable ? "pooled" : "new");
  });

  test.each([1, 3, 7])("arrives in pieces of %d bytes", async (size) => {
    const bytes = (cases[3] as (typeof cases)[number])[1];
    const port = await serve((socket) => inPieces(socket, bytes, size));
    expect((await request(port)).body.toString()).toBe("hello, world!!!");
  });

  test("that lasts until the connection ends", async () => {
    const port = await serve((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nall of it"));
    const { error, body } = await request(port);
    expect([error, body.toString()]).toEqual(["", "all of it"]);
  });

  test("to HEAD has no body, whatever its length says", async () => {
    const port = await serve((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"));
    expect(await request(port, undefined, { method: "HEAD" })).toMatchObject({ status: 200, error: "" });
  });
});

describe("what goes wrong is told apart", () => {
  test("refused", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect(await request(port)).toMatchObject({ error: "refused", status: 0, connection: "new" });
  });

  test("reset", async () => {
    const port = await serve((socket) => socket.resetAndDestroy());
    expect(await request(port)).toMatchObject({ error: "reset", status: 0 });
  });

  test.each([
    ["before a byte", ""],
    ["in the head", "HTTP/1.1 200 OK\r\nConte"],
    ["in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"],
    ["in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"],
  ])("end of the connection %s", async (_name, bytes) => {
    const port = await serve((socket) => socket.end(bytes));
    expect(await request(port)).toMatchObject({ error: "eof", connection: "new" });
  });

  test("a hang counts with its full time-out", async () => {
    const port = await serve(() => undefined);
    const exchange = await request(port, undefined, { timeoutMs: 150 });
    expect(exchange.error).toBe("timeout");
    expect(exchange.endMs - exchange.startMs).toBeGreaterThanOrEqual(150);
  });

  test("time-outs of different lengths do not wait for each other", async () => {
    const port = await serve(() => undefined);
    const ended: number[] = [];
    await Promise.all(
      [400, 100, 250].map(async (timeoutMs) => {
        await request(port, undefined, { timeoutMs });
        ended.push(timeoutMs);
      }),
    );
    expect(ended).toEqual([100, 250, 400]);
  });

  test("no HTTP", async () => {
    const port = await serve((socket) => socket.write("SSH-2.0-OpenSSH\r\n\r\n"));
    expect(await request(port)).toMatchObject({ error: "other", errorMessage: expect.stringContaining("status line") });
  });

  test("a name that is none", async () => {
    const target = { origin: "http://x.invalid", secure: false, host: "x.invalid", port: 80, serverName: "x.invalid" };
    expect(await request(80, undefined, { target })).toMatchObject({ error: "dns", connection: "new" });
  });

  test("TLS with a server that speaks none", async () => {
    const port = await serve((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const target = { origin: "https://x", secure: true, host: "127.0.0.1", port, serverName: "x.invalid" };
    expect(await request(port, undefined, { target })).toMatchObject({ error: "tls" });
  });

  test("a certificate that nobody vouches for, unless the script says that it does not matter", async () => {
    const server = https.createServer(selfSigned(["localhost"]), (_request, response) => response.end("secret"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    open.push(server, { close: () => server.closeAllConnections() });
    const { port } = server.address() as net.AddressInfo;
    const target = { origin: "https://localhost", secure: true, host: "127.0.0.1", port, serverName: "localhost" };
    expect(await request(port, undefined, { target })).toMatchObject({ error: "tls", connection: "new" });
    const careless = new HttpClient({ podHeader: "x-pod", insecureSkipTlsVerify: true });
    const pool = new ConnectionPool();
    const answer = await request(port, pool, { target }, careless);
    expect([answer.error, answer.status, answer.body.toString()]).toEqual(["", 200, "secret"]);
    expect(answer.securedMs).toBeGreaterThanOrEqual(answer.connectedMs);
    expect((await request(port, pool, { target }, careless)).connection).toBe("pooled");
  });

  test("stopped by the harness", async () => {
    const pool = new ConnectionPool();
    const port = await serve(() => pool.interrupt());
    expect(await request(port, pool)).toMatchObject({ error: "interrupted", status: 0 });
  });
});

describe("connections", () => {
  const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

  test("one that the server closed while it was idle is not used", async () => {
    const closed: Promise<unknown>[] = [];
    const port = await serve((socket) => {
      socket.end(OK);
      closed.push(once(socket, "close"));
    });
    const pool = new ConnectionPool();
    expect((await request(port, pool)).connection).toBe("new");
    await closed[0];
    await expect.poll(async () => (await request(port, pool)).error).toBe("");
  });

  test("one that the server closes instead of an answer is a failure on a pooled connection, not a silent repetition", async () => {
    let requests = 0;
    const port = await serve((socket, _request, count) => {
      requests++;
      if (count === 1) socket.write(OK);
      else socket.destroy();
    });
    const pool = new ConnectionPool();
    await request(port, pool);
    expect(await request(port, pool)).toMatchObject({ error: "eof", connection: "pooled" });
    expect(requests).toBe(2);
  });

  test("a request that wants one for itself leaves those in the pool alone", async () => {
    const port = await serve((socket) => socket.write(OK));
    const pool = new ConnectionPool();
    await request(port, pool);
    expect((await request(port, pool, { reuse: false })).connection).toBe("new");
    expect((await request(port, pool)).connection).toBe("pooled");
  });

  test("bytes that nobody asked for end one", async () => {
    const port = await serve((socket) => socket.write(`${OK}HTTP/1.1 200 OK\r\n`));
    const pool = new ConnectionPool();
    await request(port, pool);
    expect((await request(port, pool)).connection).toBe("new");
  });

  test("bodies go out as they are", async () => {
    let received = "";
    const port = await serve((socket, text) => {
      received += text;
      if (received.endsWith("END")) socket.write(OK);
    });
    await request(port, undefined, { method: "POST", body: "äöü END" });
    await request(port, undefined, { method: "POST", body: Buffer.from("bytes END") });
    expect(received).toContain("\r\n\r\näöü END");
    expect(received).toContain("\r\n\r\nbytes END");
  });
});
