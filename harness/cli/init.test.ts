import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { faults } from "../faults/index.ts";
import { planFile } from "../run/load-definition.ts";
import { filesOf, initCommand, STORIES } from "./init.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const CHECKOUT = join(ROOT, "experiments/services/checkout/manifests");
const folder = mkdtempSync(join(tmpdir(), "faultline-init-"));
// Below the checkout the sources are imported, so that what was written can be planned here.
const inside = mkdtempSync(join(ROOT, "reports", "init-"));
afterAll(() => {
  for (const one of [folder, inside]) rmSync(one, { recursive: true, force: true });
});

const manifests = `manifests=${CHECKOUT}`;
const refused = async (story: string | undefined, ...set: string[]) =>
  await filesOf(story, { into: folder, set }).then(
    () => "",
    (error: Error & { fix?: string }) => `${error.message}\n${error.fix ?? ""}`,
  );

test.each(STORIES.map(({ name }) => name))("%s: what is written can be planned as it is", async (story) => {
  await initCommand(story, { into: inside, set: [manifests, `name=my-${story}`], yes: true });
  const file = join(inside, `my-${story}.experiment.ts`);
  const planned = await planFile({ file, size: "full", arms: [] }, faults);
  expect(planned).not.toHaveProperty("problems");
  expect(planned).toMatchObject({
    plan: { arms: expect.arrayContaining([expect.objectContaining({ name: "current" })]) },
  });
});

test("manifests tell what need not be asked", async () => {
  const [experiment, load] = await filesOf("termination-lag", { into: folder, set: [manifests] });
  expect(experiment?.text).toContain('service: "checkout", selector: "app=checkout", port: 8080');
  expect(experiment?.text).toContain('TARGET_HOST: "checkout.${NAMESPACE}.test"');
  expect(experiment?.text).toContain('from "faultline"');
  expect(load?.text).toContain('from "k6/http"');
});

test("questions are asked with what is proposed, and their answers taken", async () => {
  const asked: string[] = [];
  const [experiment] = await filesOf("termination-lag", { into: folder, set: [manifests] }, async (question) => {
    asked.push(`${question.key}=${question.fallback}`);
    return question.key === "lag" ? "750ms" : question.fallback;
  });
  expect(asked).toEqual([
    "name=checkout-termination-lag",
    expect.stringMatching(/^context=.*checkout$/),
    "path=/",
    "rate=50",
    "lag=3s",
  ]);
  expect(experiment?.text).toContain('lag: "750ms"');
});

test("all that is wrong is said at once, and nothing is written", async () => {
  const problems = await refused(
    "termination-lag",
    manifests,
    "rate=0",
    "lag=soon",
    "name=No",
    "colour=red",
    "context=/nowhere",
  );
  for (const word of ["rate", "lag", "name", "colour", "/nowhere"]) expect(problems).toContain(word);
});

test.each([
  ["no story of that name", "tempest", [manifests], /no story "tempest"[\s\S]*termination-lag:/],
  ["no story, and nobody to ask", undefined, [manifests], /which story/],
  ["no manifests", "termination-lag", [], /--set manifests=/],
  ["manifests that are not there", "termination-lag", ["manifests=/nowhere"], /\/nowhere is not there/],
  ["an answer without its question", "termination-lag", ["yes"], /key=value/],
])("refused: %s", async (_what, story, set, message) => {
  expect(await refused(story, ...set)).toMatch(message);
});

test("several Deployments: it must be said which; no Service or Ingress: refused", async () => {
  const text = ["a", "b"]
    .map(
      (name) =>
        `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: ${name} }\nspec: { selector: { matchLabels: { app: ${name} } }, template: { metadata: { labels: { app: ${name} } }, spec: { containers: [{ name: c, image: i }] } } }`,
    )
    .join("\n---\n");
  mkdirSync(join(folder, "deploy"), { recursive: true });
  writeFileSync(join(folder, "deploy", "two.yaml"), text);
  const two = `manifests=${join(folder, "deploy")}`;
  expect(await refused("termination-lag", two)).toMatch(/which Deployment.*a, b[\s\S]*--set deployment=/);
  expect(await refused("termination-lag", two, "deployment=b")).toMatch(
    /no Service selects the pods of b[\s\S]*no Ingress/,
  );
});

test("nothing is overwritten", async () => {
  const file = join(folder, "mine.experiment.ts");
  writeFileSync(file, "mine");
  expect(await refused("termination-lag", manifests, "name=mine")).toContain("is there already");
  expect(readFileSync(file, "utf8")).toBe("mine");
});
