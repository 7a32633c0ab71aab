import { expect, test } from "vitest";
import { check } from "./signature.ts";

/** Signed by botocore 1.44.8 with a key of the metadata mock, a minute before its end. */
const KEY = "ASIAABVGJ4CAABCDEFGH";
const EXPIRES_MS = 1_785_000_000_000;
const HEADERS = {
  host: "upstream.shop.svc.cluster.local",
  "x-amz-date": "20260725T171900Z",
  "x-amz-security-token": Buffer.from(`faultline mock session faultline-node ${KEY}`).toString("base64"),
  authorization: `AWS4-HMAC-SHA256 Credential=${KEY}/20260725/eu-west-1/es/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=3bf7b881f6bb6fb4f1966cef1f9f7806a9e45af4cf3f3e2500b746d2e80acfa5`,
};
const checked = (changes: Record<string, string | undefined>, path = "/orders", nowMs = EXPIRES_MS - 60_000) =>
  check({ method: "GET", path, headers: { ...HEADERS, ...changes } }, nowMs);

test("a signature of an SDK is taken until its credentials end", () => {
  expect(checked({})).toBe("ok");
  expect(checked({}, "/orders", EXPIRES_MS)).toBe("ExpiredTokenException");
});

test("what was changed after signing is refused", () => {
  expect(checked({}, "/invoices")).toBe("InvalidSignatureException");
  expect(checked({ "x-amz-date": "20260725T171901Z" })).toBe("InvalidSignatureException");
});

test("no signature, and credentials of nobody here, are refused", () => {
  expect(checked({ authorization: undefined })).toBe("MissingAuthenticationToken");
  expect(checked({ authorization: "Bearer x" })).toBe("MissingAuthenticationToken");
  expect(checked({ "x-amz-security-token": undefined })).toBe("UnrecognizedClientException");
});
