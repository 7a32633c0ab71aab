import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { seeded } from "../plan/random.ts";
import { toParquet } from "./columns/index.ts";
import { type Sample, SampleWriter } from "./sample-writer.ts";
import { readSamples } from "./samples.ts";

const folder = mkdtempSync(join(tmpdir(), "faultline-samples-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** What the issue allows for a million samples is 40 MB. */
const MOST_BYTES_PER_SAMPLE = 40;

async function write(name: string, samples: readonly Sample[]): Promise<{ bin: string; parquet: string }> {
  const bin = join(folder, `${name}.bin`);
  const parquet = join(folder, `${name}.parquet`);
  const writer = await SampleWriter.create(bin, { script: "checkout.k6.ts" });
  for (const sample of samples) writer.add(sample);
  await writer.close();
  await toParquet(bin, parquet);
  return { bin, parquet };
}

test("samples come back to the nanosecond, on the clock that is asked for, from either file", async () => {
  const zeroNs = process.hrtime.bigint();
  const zeroMs = Number(zeroNs) / 1e6;
  const sample: Sample = {
    intendedMs: zeroMs + 10.000001,
    startMs: zeroMs + 10.25,
    endMs: zeroMs + 5010.5,
    status: 0,
    bytes: 17,
    error: "timeout",
    method: "GET",
    name: "get",
    scenario: "read",
    pod: "",
    connection: "new",
  };
  const { bin, parquet } = await write("clock", [sample, { ...sample, status: 200, error: "", pod: "checkout-1" }]);
  for (const path of [bin, parquet]) {
    const read = await readSamples(path, String(zeroNs));
    expect(read.length).toBe(2);
    expect(read.intendedMs[0]).toBeCloseTo(10.000001, 6);
    expect(read.startMs[0]).toBeCloseTo(10.25, 6);
    expect(read.endMs[0]).toBeCloseTo(5010.5, 6);
    expect(Array.from(read.status)).toEqual([0, 200]);
    expect(Array.from(read.error.codes, (code) => read.error.values[code])).toEqual(["timeout", ""]);
    expect(Array.from(read.pod.codes, (code) => read.pod.values[code])).toEqual(["", "checkout-1"]);
    expect([read.method.values, read.name.values, read.scenario.values, read.connection.values]).toEqual([
      ["GET"],
      ["get"],
      ["read"],
      ["new"],
    ]);
  }
});

test("a sample takes less than 40 bytes of Parquet", async () => {
  const random = seeded(7);
  const nowMs = Number(process.hrtime.bigint()) / 1e6;
  const samples = Array.from({ length: 20_000 }, (_, index): Sample => {
    // Written in the order in which they end, as a load does.
    const endMs = nowMs + index / 3 + random.next();
    const startMs = endMs - random.next() * 50;
    const failed = random.next() < 0.05;
    return {
      intendedMs: startMs - random.next(),
      startMs,
      endMs,
      status: failed ? 0 : 200,
      bytes: failed ? 0 : 150 + Math.floor(random.next() * 50),
      error: failed ? "reset" : "",
      method: random.next() < 0.5 ? "GET" : "POST",
      name: random.next() < 0.5 ? "get" : "post",
      scenario: random.next() < 0.5 ? "read" : "write",
      pod: failed ? "" : `checkout-6f9c7d5b8-${Math.floor(random.next() * 30)}`,
      connection: random.next() < 0.5 ? "new" : "pooled",
    };
  });
  const { parquet } = await write("size", samples);
  expect(statSync(parquet).size / samples.length).toBeLessThan(MOST_BYTES_PER_SAMPLE);
});
