/** The lease of what runs on a node, with a file as the effect. */
import { afterEach, beforeAll, expect, test } from "vitest";
import type { NodeHandle } from "../../cluster/provider.ts";
import { untilNothingLeft } from "../../testing/fault-context.ts";
import { sharedCluster } from "../../testing/shared-cluster.ts";
import { endOnNode, leftOnNode, renewOnNode, startOnNode } from "./on-node.ts";

const ID = "faultline-test-0123456789";
const EFFECT = "/run/faultline-test-effect";
const part = { id: ID, inject: `echo "$ID" > ${EFFECT}`, undo: `rm -f ${EFFECT}` };
let node: NodeHandle;

beforeAll(async () => {
  const workers = (await (await sharedCluster()).nodes()).filter(({ role }) => role === "worker");
  node = workers[0] as NodeHandle;
});
afterEach(async () => endOnNode(node, part));

const run = (script: string) => node.exec(["bash", "-c", script], { timeoutMs: 20_000, accept: "any" });
const effect = async () => (await run(`cat ${EFFECT}`)).stdout;
const units = async () => (await run(`systemctl list-units --all --plain --no-legend '${ID}*'`)).stdout;

const untilClean = () =>
  untilNothingLeft("the node to be clean", 20_000, async () => [
    ...(await leftOnNode(node)),
    await effect(),
    await units(),
  ]);

test("it is in until it is ended, and ending twice is right", async () => {
  await startOnNode(node, part, 60_000);
  expect([await effect(), await leftOnNode(node)]).toEqual([ID, [ID]]);
  await endOnNode(node, part);
  await untilClean();
  await endOnNode(node, part);
  await untilClean();
});

test("it undoes itself when nobody renews, and a renewal after that says so", async () => {
  await startOnNode(node, part, 1_000);
  await untilClean();
  await expect(renewOnNode(node, ID, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("renewals keep it", async () => {
  await startOnNode(node, part, 3_000);
  await renewOnNode(node, ID, 60_000);
  const { exitCode } = await run("sleep 4");
  expect([exitCode, await effect()]).toEqual([0, ID]);
});

test("the lease is in force before inject is through, and half an inject is undone", async () => {
  const half = { ...part, inject: `echo half > ${EFFECT}; exit 7` };
  await expect(startOnNode(node, half, 1_500)).rejects.toThrow(/exited with 7/);
  await untilClean();
});

test("an undo that fails at first is tried again", async () => {
  const stubborn = {
    ...part,
    undo: `[ -e ${EFFECT}.tried ] || { touch ${EFFECT}.tried; exit 1; }; rm -f ${EFFECT} ${EFFECT}.tried`,
  };
  await startOnNode(node, stubborn, 500);
  await untilClean();
});
