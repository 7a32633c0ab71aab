/** The page in a real browser, from disk, with the network watched. Skipped only where no Chromium is installed. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { syntheticRun } from "../../testing/synthetic-run.ts";
import { judge } from "../../verdict/judge.ts";
import { writeReports } from "../reporter.ts";

const EXECUTABLE = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);
/** Quiet: a browser that talks to its maker would hide that the page does. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describe.skipIf(EXECUTABLE === undefined)("report.html in Chromium", () => {
  let folder: string;
  let context: BrowserContext;
  let page: Page;
  const requested: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "faultline-browser-"));
    const run = syntheticRun({ arms: ["control", "vulnerable", "fixed-prestop"], terminations: 6, ratePerSecond: 60 });
    await writeReports(folder, run, judge(run));
    context = await chromium.launchPersistentContext(join(folder, "profile"), {
      executablePath: EXECUTABLE as string,
      args: FLAGS,
    });
    page = await context.newPage();
    page.on("request", (request) => requested.push(request.url()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => complaints.push(message.text()));
    await page.goto(pathToFileURL(join(folder, "report.html")).href);
  });
  afterAll(async () => {
    await context?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("loads one file, asks for nothing else, and complains about nothing", () => {
    expect(requested).toEqual([pathToFileURL(join(folder, "report.html")).href]);
    expect(complaints).toEqual([]);
  });

  test.each([1_280, 900, 700, 400])("fits a window of %i pixels without scrolling sideways", async (width) => {
    await page.setViewportSize({ width, height: 900 });
    const scroll = await page.evaluate("document.documentElement.scrollWidth");
    const shown = await page.locator("svg[data-from]:visible").count();
    expect(scroll).toBeLessThanOrEqual(width);
    expect(shown).toBe(3);
  });

  test("the crosshair reads the numbers of its place", async () => {
    await page.setViewportSize({ width: 1_280, height: 900 });
    const chart = page.locator('.chart[data-arm="vulnerable"] .only-wide svg');
    await chart.scrollIntoViewIfNeeded();
    const box = await chart.boundingBox();
    if (box === null) throw new Error("the chart is not shown");
    await page.mouse.move(box.x + box.width / 2, box.y + 120);
    const reading = page.locator("#reading");
    await reading.waitFor({ state: "visible" });
    expect(await reading.textContent()).toMatch(/\d+\.\d s to \d+\.\d s[\s\S]*good[\s\S]*\d+[\s\S]*p99[\s\S]*ms/);
    await page.mouse.move(2, 2);
    await reading.waitFor({ state: "hidden" });
  });

  test("junit.xml is XML for the browser's own parser", async () => {
    const xml = JSON.stringify(await readFile(join(folder, "junit.xml"), "utf8"));
    const root = await page.evaluate(
      `new DOMParser().parseFromString(${xml}, "application/xml").documentElement.nodeName`,
    );
    expect(root).toBe("testsuites");
  });

  test("it is readable without script", async () => {
    const plain = await context.browser()?.newContext({ javaScriptEnabled: false });
    const quiet = await (plain ?? context).newPage();
    await quiet.goto(pathToFileURL(join(folder, "report.html")).href);
    expect(await quiet.locator("h1").textContent()).toContain("Checkout loses no request");
    expect(await quiet.locator("section.arm svg").first().isVisible()).toBe(true);
    await quiet.close();
    await plain?.close();
  });
});
