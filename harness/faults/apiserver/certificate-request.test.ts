import { createPublicKey, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { certificateRequest } from "./certificate-request.ts";
import { oid, tlv } from "./der.ts";

interface Node {
  readonly tag: number;
  readonly bytes: Buffer;
  readonly content: Buffer;
}

/** The values in a row, one level deep. */
function parse(der: Buffer): Node[] {
  const nodes: Node[] = [];
  for (let at = 0; at < der.length; ) {
    let length = der[at + 1] ?? 0;
    let head = 2;
    if (length > 0x80) {
      const digits = length - 0x80;
      length = der.readUIntBE(at + 2, digits);
      head += digits;
    }
    const bytes = der.subarray(at, at + head + length);
    nodes.push({ tag: der[at] ?? 0, bytes, content: bytes.subarray(head) });
    at += head + length;
  }
  return nodes;
}

describe("DER", () => {
  it("writes lengths in the short and the long form", () => {
    expect([...tlv(0x04, Buffer.alloc(3))].slice(0, 2)).toEqual([0x04, 3]);
    expect([...tlv(0x04, Buffer.alloc(200))].slice(0, 3)).toEqual([0x04, 0x81, 200]);
    expect([...tlv(0x04, Buffer.alloc(300))].slice(0, 4)).toEqual([0x04, 0x82, 0x01, 0x2c]);
  });

  it("writes object identifiers as X.690 has them", () => {
    // 1.2.840.113549 is the example that every text on the matter gives.
    expect([...oid("1.2.840.113549")]).toEqual([0x06, 6, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]);
  });
});

describe("a certificate request", () => {
  const subject = {
    organization: "system:nodes",
    commonName: "system:node:x",
    names: ["kubernetes.default.svc", "10.96.0.1"],
  };
  const { keyPem, requestPem } = certificateRequest(subject);
  const der = Buffer.from(requestPem.replace(/-----.*-----|\n/g, ""), "base64");
  const [info, , signature] = parse(parse(der)[0]?.content ?? Buffer.alloc(0));

  it("is signed with the key that it is for", () => {
    const key = createPublicKey(keyPem);
    expect(
      verify("sha256", info?.bytes ?? Buffer.alloc(0), key, signature?.content.subarray(1) ?? Buffer.alloc(0)),
    ).toBe(true);
    expect(info?.bytes.includes(key.export({ type: "spki", format: "der" }))).toBe(true);
  });

  it("asks for its subject and its names, addresses as addresses", () => {
    const text = info?.bytes.toString("latin1") ?? "";
    for (const part of ["system:nodes", "system:node:x"]) expect(text).toContain(part);
    expect(info?.bytes.includes(Buffer.from([0x82, 22, ...Buffer.from("kubernetes.default.svc")]))).toBe(true);
    expect(info?.bytes.includes(Buffer.from([0x87, 4, 10, 96, 0, 1]))).toBe(true);
  });
});
