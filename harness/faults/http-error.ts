/** A share of the requests to chosen pods is answered with an error, or reset. */
import type { HttpErrorFault } from "../fault-specs.ts";
import { httpFault } from "./http/fault.ts";

const isError = (status: unknown) =>
  status === "reset" || (Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599);

export const httpError = httpFault<HttpErrorFault>({
  kind: "http.error",
  drawAs: { label: "requests are answered with an error", colour: "#c23b22" },
  validate: ({ status }) =>
    status === undefined || isError(status)
      ? []
      : [{ path: "status", message: `a whole number from 400 to 599, or "reset", not ${JSON.stringify(status)}` }],
  effectOf: ({ status = 503 }) => ({
    ...(status === "reset" ? { mode: "reset", status: 0 } : { mode: "error", status }),
    latencyMs: 0,
    jitterMs: 0,
  }),
});
