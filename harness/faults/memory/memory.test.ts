import { describe, expect, it } from "vitest";
import { faultOf } from "../index.ts";
import { roomIn } from "./look.ts";

const MACHINE = "MemTotal=8388608\nMemAvailable=4194304\nHugePages_Total=0\n";

describe("room for what is taken", () => {
  it("under version 1 a node without a cap has a limit beyond any machine", () => {
    expect(roomIn(`${MACHINE}limit=9223372036854771712\nusage=1048576000\ncache=1048576`)).toEqual({
      machineMiB: 8_192,
      machineAvailableMiB: 4_096,
      nodeMiB: null,
    });
  });
  it("under version 2 it says max", () => {
    expect(roomIn(`${MACHINE}limit=max\nusage=1048576000\ncache=0`).nodeMiB).toBeNull();
  });
  it("a cap leaves what is not used, and what the kernel can take back at once is not", () => {
    expect(
      roomIn(`${MACHINE}limit=${2_048 * 1_048_576}\nusage=${800 * 1_048_576}\ncache=${300 * 1_048_576}`),
    ).toMatchObject({ nodeMiB: 1_548 });
  });
});

describe("what the fault says of its spec", () => {
  const right = { kind: "node.memory-pressure", targets: { count: 1 }, memoryMiB: 512 } as const;
  const problems = (change: object) =>
    faultOf("node.memory-pressure")
      .validate({ ...right, ...change })
      .map(({ path }) => path);
  it("all mistakes at once", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ targets: { count: "0%" }, memoryMiB: 255 })).toEqual(["targets.count", "memoryMiB"]);
  });
  it.each([16_385, 512.5, "512", -1, undefined])("%s MiB cannot be taken", (memoryMiB) =>
    expect(problems({ memoryMiB })).toEqual(["memoryMiB"]),
  );
});
