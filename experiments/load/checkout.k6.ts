/**
 * The load of a shop's checkout: reads and writes at a constant rate, whatever the answers do (open model).
 *
 * Half of the requests come on connections of their own: a pooled connection to an ingress controller can outlive what
 * goes wrong behind it, and a new one can meet what pooled ones do not. POST is there because a proxy that sends a
 * failed GET a second time, unasked, does not do so with a POST.
 *
 * Settings: TARGET_URL, and optionally TARGET_HOST (Host header), RATE (requests per second, 300), DURATION (10m).
 */
import { check } from "k6";
import http, { type Params } from "k6/http";
import type { Options } from "k6/options";

const rate = Number(__ENV.RATE ?? "300");
const duration = __ENV.DURATION ?? "10m";
const timeoutSeconds = 5;
const host: Record<string, string> = __ENV.TARGET_HOST === undefined ? {} : { Host: __ENV.TARGET_HOST };

function scenario(exec: string, share: number) {
  const perSecond = Math.max(1, Math.round(rate * share));
  return {
    executor: "constant-arrival-rate" as const,
    exec,
    rate: perSecond,
    duration,
    preAllocatedVUs: 20,
    // Enough for every request of a whole time-out to hang, and some more: none is dropped.
    maxVUs: Math.ceil(perSecond * (timeoutSeconds + 1)) + 20,
    gracefulStop: `${timeoutSeconds + 1}s`,
  };
}

export const options: Options = {
  scenarios: { read: scenario("read", 2 / 3), write: scenario("write", 1 / 3) },
  thresholds: {
    "http_reqs{name:get}": ["count>=60"],
    "http_reqs{name:post}": ["count>=60"],
  },
};

function params(name: string, headers: Record<string, string> = {}): Params {
  const connection: Record<string, string> = __ITER % 2 === 0 ? {} : { Connection: "close" };
  return { headers: { ...host, ...connection, ...headers }, tags: { name }, timeout: `${timeoutSeconds}s` };
}

export function read(): void {
  const answer = http.get(`${__ENV.TARGET_URL}/cart`, params("get"));
  check(answer, { "cart is there": (response) => response.status === 200 });
}

export function write(): void {
  const order = JSON.stringify({ item: "book", count: 1 });
  const answer = http.post(`${__ENV.TARGET_URL}/order`, order, params("post", { "Content-Type": "application/json" }));
  check(answer, { "order is taken": (response) => response.status < 300 });
}
