/** As much of DER (ITU-T X.690) as a certificate request takes: a tag, a length, and what is inside. */

/** Tag numbers, universal class. */
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const SEQUENCE = 0x30;
const SET = 0x31;

export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => tlv(SEQUENCE, ...contents);
export const set = (...contents: readonly Uint8Array[]): Buffer => tlv(SET, ...contents);
export const integer = (value: number): Buffer => tlv(INTEGER, Buffer.from([value]));
export const octets = (content: Uint8Array): Buffer => tlv(OCTET_STRING, content);
export const utf8 = (text: string): Buffer => tlv(UTF8_STRING, Buffer.from(text, "utf8"));
/** Whole bytes: no unused bits. */
export const bits = (content: Uint8Array): Buffer => tlv(BIT_STRING, Buffer.from([0]), content);
/** Context-specific and constructed: `[n]`. */
export const context = (n: number, ...contents: readonly Uint8Array[]): Buffer => tlv(0xa0 | n, ...contents);

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return tlv(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let left = length; left > 0; left >>>= 8) digits.unshift(left & 0xff);
  return [0x80 | digits.length, ...digits];
}

/** PEM with lines of 64 characters. */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
