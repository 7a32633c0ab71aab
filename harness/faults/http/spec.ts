/** What the HTTP faults' specs have in common. Pure. */
import { METHODS } from "node:http";
import type { HttpErrorFault, HttpLatencyFault } from "../../fault-specs.ts";
import { isBelow } from "../agent-image/http-settings.ts";
import { type SpecProblem, shareProblems, wordProblems } from "../spec-problems.ts";
import { targetProblems } from "../targets.ts";

export type HttpSpec = HttpErrorFault | HttpLatencyFault;

/** What a path may have, without what a shell or curl would take for something else. */
const PATH = /^\/[\w.~+,=:@%/-]*$/;
/** Below it a measurement of some seconds could not tell the share. */
const MIN_SHARE = 5;

export function trafficProblems(spec: HttpSpec): SpecProblem[] {
  const { pods, port, path, methods, share, canary, probes } = spec;
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  return [
    ...targetProblems("pods", pods),
    ...(isPort ? [] : [{ path: "port", message: `a whole number from 1 to 65535, not ${JSON.stringify(port)}` }]),
    ...(path === undefined ? [] : pathProblems("path", path)),
    ...methodsProblems(methods),
    ...(share === undefined ? [] : shareProblems("share", share, MIN_SHARE)),
    ...(canary === undefined ? [] : canaryProblems(spec, canary)),
    ...wordProblems("probes", probes, ["spared", "hit"]),
  ];
}

const pathProblems = (path: string, value: unknown): SpecProblem[] =>
  typeof value === "string" && PATH.test(value)
    ? []
    : [{ path, message: `a path without a query, such as "/api", not ${JSON.stringify(value)}` }];

function methodsProblems(methods: unknown): SpecProblem[] {
  if (methods === undefined) return [];
  if (!Array.isArray(methods) || methods.length === 0) {
    return [{ path: "methods", message: "one method at the least; leave methods out to mean all" }];
  }
  return methods.flatMap((method, i) =>
    isMethod(method) ? [] : [{ path: `methods[${i}]`, message: `a method of HTTP, not ${JSON.stringify(method)}` }],
  );
}

/** A CONNECT is no request to the application. */
const isMethod = (value: unknown) => METHODS.includes(String(value)) && value !== "CONNECT";

function canaryProblems({ path = "/", methods }: HttpSpec, canary: NonNullable<HttpSpec["canary"]>): SpecProblem[] {
  if (typeof canary !== "object" || canary === null) return [{ path: "canary", message: "a path, a method, or both" }];
  const problems = canary.path === undefined ? [] : pathProblems("canary.path", canary.path);
  if (canary.path !== undefined && problems.length === 0 && !isBelow(canary.path, path)) {
    problems.push({ path: "canary.path", message: `"${path}" or below it, or the effect could not be measured` });
  }
  const { method } = canary;
  if (method !== undefined && !(methods ?? METHODS.filter(isMethod)).includes(method)) {
    problems.push({ path: "canary.method", message: "one of the methods that are hit" });
  }
  return problems;
}

export type Canary = { readonly path: string; readonly method: string };

export function canaryOf({ path = "/", methods = [], canary = {} }: HttpSpec): Canary {
  const [first = "GET"] = methods;
  return { path: canary.path ?? path, method: canary.method ?? (methods.includes("GET") ? "GET" : first) };
}

/** 0 to 1. */
export const shareOf = ({ share = "100%" }: HttpSpec): number => Number.parseFloat(share) / 100;
