/**
 * Leaves layers out of an image archive while it streams by. `docker save` writes an OCI layout, whose blobs are named
 * by their digest; a node that has a layer already does not need it again, and most of an image is its base.
 */
import { Transform, type TransformCallback } from "node:stream";

const BLOCK = 512;
const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/;

/** A transform of a tar stream that drops the blobs for which `isThere` holds. Everything else passes byte for byte. */
export function withoutBlobs(isThere: (sha256: string) => boolean): Transform {
  let header = Buffer.alloc(0);
  /** Bytes of the current entry, padding included, that are still to come. */
  let left = 0;
  let dropping = false;

  const take = (stream: Transform, chunk: Buffer): Buffer => {
    if (left > 0) {
      const body = chunk.subarray(0, left);
      left -= body.length;
      if (!dropping) stream.push(body);
      return chunk.subarray(body.length);
    }
    const wanted = BLOCK - header.length;
    header = Buffer.concat([header, chunk.subarray(0, wanted)]);
    if (header.length === BLOCK) {
      const entry = readHeader(header);
      const blob = BLOB.exec(entry.name)?.[1];
      dropping = blob !== undefined && isThere(blob);
      left = Math.ceil(entry.size / BLOCK) * BLOCK;
      if (!dropping) stream.push(header);
      header = Buffer.alloc(0);
    }
    return chunk.subarray(Math.min(wanted, chunk.length));
  };

  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      let rest = chunk;
      while (rest.length > 0) rest = take(this, rest);
      done();
    },
    flush(done) {
      if (header.length > 0 || left > 0) done(new Error("the image archive ended in the middle of an entry"));
      else done();
    },
  });
}

/** Name and size of a ustar header; blocks of zeros (the archive's end) have neither. */
function readHeader(header: Buffer): { readonly name: string; readonly size: number } {
  const text = (from: number, length: number) => {
    const end = header.indexOf(0, from);
    return header.toString("utf8", from, end === -1 || end > from + length ? from + length : end);
  };
  const prefix = text(345, 155);
  const name = text(0, 100);
  return { name: prefix === "" ? name : `${prefix}/${name}`, size: readSize(header.subarray(124, 136)) };
}

/** Octal digits, or, from 8 GiB on, a binary number with the first bit set. */
function readSize(field: Buffer): number {
  if (((field[0] as number) & 0x80) === 0) return Number.parseInt(field.toString("latin1").trim() || "0", 8) || 0;
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}
