import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockName } from "./name-lock.ts";
import { checkClusterName } from "./names.ts";
import { isAlive, processToken } from "./owner.ts";

test.each(["faultline-dev", "a", "shop2"])("%s is a name", (name) => checkClusterName(name));
test.each(["", "-a", "a-", "A", "a_b", "../etc", "2a", "a".repeat(41), "a b", "a.b"])("%j is none", (name) => {
  expect(() => checkClusterName(name)).toThrow(expect.objectContaining({ code: "usage" }));
});

describe("the lock of a name", () => {
  const before = process.env.FAULTLINE_HOME;
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "faultline-names-"));
    process.env.FAULTLINE_HOME = home;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.FAULTLINE_HOME;
    else process.env.FAULTLINE_HOME = before;
    rmSync(home, { recursive: true });
  });

  test("is held by one, who is named to the other, and free again afterwards", async () => {
    const release = await lockName("shop");
    await expect(lockName("shop")).rejects.toMatchObject({
      code: "cluster-busy",
      message: expect.stringContaining(String(process.pid)),
    });
    await release();
    await (await lockName("shop"))();
  });

  test("of a process that is gone is taken over", async () => {
    await (await lockName("shop"))();
    const file = join(home, "locks", "shop");
    writeFileSync(file, "999999999.1.deadbeef");
    const release = await lockName("shop");
    expect(readFileSync(file, "utf8")).toBe(processToken());
    await release();
  });
});

describe("owners", () => {
  test("this process is alive; another start or boot of its pid is not", () => {
    const [pid, start, boot] = processToken().split(".");
    expect(isAlive(processToken())).toBe(true);
    expect(isAlive(`${pid}.${start}1.${boot}`)).toBe(false);
    expect(isAlive(`${pid}.${start}.00000000`)).toBe(false);
    expect(isAlive("999999999.5.deadbeef")).toBe(false);
    expect(isAlive("")).toBe(false);
  });
});
