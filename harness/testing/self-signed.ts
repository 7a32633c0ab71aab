/** A self-signed certificate for a local TLS server in tests: valid for one day, trusted by whoever takes it as its CA. */
import { generateKeyPairSync } from "node:crypto";
import {
  alternativeNames,
  distinguishedName,
  ecdsaWithSha256,
  signed,
  spki,
} from "../faults/apiserver/certificate-request.ts";
import { context, integer, pem, sequence, tlv } from "../faults/apiserver/der.ts";

const UTC_TIME = 0x17;
const HOUR_MS = 3_600_000;

export function selfSigned(names: readonly string[]): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = distinguishedName({ organization: "faultline", commonName: "test", names });
  const now = Date.now();
  const tbs = sequence(
    context(0, integer(2)),
    integer(1),
    ecdsaWithSha256(),
    name,
    sequence(utcTime(now - HOUR_MS), utcTime(now + 24 * HOUR_MS)),
    name,
    spki(publicKey),
    context(3, sequence(alternativeNames(names))),
  );
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: pem("CERTIFICATE", signed(tbs, privateKey)),
  };
}

/** `YYMMDDHHMMSSZ` */
function utcTime(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return tlv(UTC_TIME, Buffer.from(`${text}Z`, "ascii"));
}
