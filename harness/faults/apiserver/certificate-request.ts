/** A key pair and a PKCS#10 certificate request (RFC 2986) for it: Node can make the one, not the other. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { isIPv4 } from "node:net";
import { bits, context, integer, octets, oid, pem, sequence, set, tlv, utf8 } from "./der.ts";

export interface Subject {
  readonly organization: string;
  readonly commonName: string;
  /** DNS names and IPv4 addresses. */
  readonly names: readonly string[];
}

export interface CertificateRequest {
  readonly keyPem: string;
  readonly requestPem: string;
}

const ORGANIZATION = "2.5.4.10";
const COMMON_NAME = "2.5.4.3";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const SUBJECT_ALT_NAME = "2.5.29.17";
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
/** Context tags of GeneralName, RFC 5280 section 4.2.1.6. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** A new P-256 key and a request for a certificate with these names. */
export function certificateRequest(subject: Subject): CertificateRequest {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const attributes = sequence(oid(EXTENSION_REQUEST), set(sequence(alternativeNames(subject.names))));
  const info = sequence(integer(0), distinguishedName(subject), spki(publicKey), context(0, attributes));
  return {
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    requestPem: pem("CERTIFICATE REQUEST", signed(info, privateKey)),
  };
}

/** `SEQUENCE { content, algorithm, signature }`, the envelope of requests and certificates alike. */
export function signed(content: Uint8Array, key: KeyObject): Buffer {
  return sequence(content, ecdsaWithSha256(), bits(sign("sha256", content, key)));
}

export const ecdsaWithSha256 = (): Buffer => sequence(oid(ECDSA_WITH_SHA256));
export const spki = (publicKey: KeyObject): Buffer => publicKey.export({ type: "spki", format: "der" });

export function distinguishedName(subject: Subject): Buffer {
  const part = (type: string, value: string) => set(sequence(oid(type), utf8(value)));
  return sequence(part(ORGANIZATION, subject.organization), part(COMMON_NAME, subject.commonName));
}

export function alternativeNames(names: readonly string[]): Buffer {
  const general = names.map((name) =>
    isIPv4(name)
      ? tlv(IP_ADDRESS, Buffer.from(name.split(".").map(Number)))
      : tlv(DNS_NAME, Buffer.from(name, "ascii")),
  );
  return sequence(oid(SUBJECT_ALT_NAME), octets(sequence(...general)));
}
