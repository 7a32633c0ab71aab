/**
 * A service that asks another one, with signed requests, for each request that it gets; the SDK is that of JavaScript, v3.
 * GET /sign: 200; 503 without credentials; 502 when the other service does not take them.
 * GET /figures: how many requests there were, and where their time went.
 * POST /prime: credentials as if just started. POST /calls/REQUESTS/CONCURRENCY: only takes them, so often.
 */
import { lookup } from "node:dns/promises";
import { createServer } from "node:http";
import { Sha256 } from "@aws-crypto/sha256-js";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { SignatureV4 } from "@smithy/signature-v4";

const upstream = new URL(process.env.UPSTREAM_URL);
const TIMEOUT_MS = 3_000;
const figures = { requests: 0, ms: { credentials: 0, dns: 0, upstream: 0, rest: 0 } };

/** With an empty cache of its own. */
const newSdk = () => defaultProvider();
const sdk = newSdk();
let swept = sdk;

async function sign() {
  const begin = performance.now();
  const credentials = await sdk().catch(() => null);
  if (credentials === null) return { status: 503, body: { error: "no credentials" } };
  const taken = performance.now();
  try {
    await lookup(upstream.hostname);
    const resolved = performance.now();
    const signer = new SignatureV4({ credentials, service: "es", region: "eu-west-1", sha256: Sha256 });
    const request = {
      method: "GET",
      protocol: upstream.protocol,
      hostname: upstream.hostname,
      path: upstream.pathname,
      query: {},
      headers: { host: upstream.host },
    };
    const { headers } = await signer.sign(request);
    const signed = performance.now();
    const answer = await fetch(upstream, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    await answer.arrayBuffer();
    const end = performance.now();
    figures.requests += 1;
    figures.ms.credentials += taken - begin;
    figures.ms.dns += resolved - taken;
    figures.ms.rest += signed - resolved;
    figures.ms.upstream += end - signed;
    return { status: answer.status === 200 ? 200 : 502, body: { upstream: answer.status } };
  } catch {
    return { status: 502, body: { error: "the other service cannot be reached" } };
  }
}

const failures = (provider) =>
  provider().then(
    () => 0,
    () => 1,
  );

async function prime() {
  swept = newSdk();
  return { status: 200, body: { failed: await failures(swept) } };
}

async function calls(requests, concurrency) {
  const begin = performance.now();
  let left = requests;
  let failed = 0;
  const one = async () => {
    while (left-- > 0) {
      const more = await failures(swept);
      failed += more;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  return { status: 200, body: { failed, ms: Math.round(performance.now() - begin) } };
}

async function answerTo({ method, url }) {
  const [verb, requests, concurrency] = url.slice(1).split("/");
  if (method === "POST") return verb === "prime" ? prime() : calls(Number(requests), Number(concurrency));
  if (verb === "ready") return { status: 200, body: {} };
  return verb === "figures" ? { status: 200, body: figures } : sign();
}

const server = createServer(async (request, response) => {
  request.resume();
  const { status, body } = await answerTo(request);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
});
// Longer than a proxy keeps its idle connections, so that the proxy is always the one to close them.
server.keepAliveTimeout = 120_000;
server.listen(8080);
// Without a handler SIGTERM does nothing at all to process 1 of a container.
process.once("SIGTERM", () => process.exit(0));
