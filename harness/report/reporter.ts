/**
 * Writes the reports of a judged run. Each reporter stands alone: when one fails the others still write, the failure is
 * returned, and the verdict, which reporters only read, is what it was.
 */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import type { RunRecord, RunVerdict } from "../types.ts";
import { htmlReport } from "./html/page.ts";
import { jsonReport } from "./json.ts";
import { junitReport } from "./junit.ts";
import { markdownReport } from "./markdown.ts";

/** A file of the run folder, and the pure function that makes its text. */
export interface Reporter {
  readonly file: string;
  readonly render: (run: RunRecord, verdict: RunVerdict) => string;
}
export interface ReportResult {
  /** Paths that were written. */
  readonly written: readonly string[];
  /** Not empty: the command must not exit with 0. */
  readonly failures: readonly { readonly file: string; readonly message: string }[];
}

const REPORTERS: readonly Reporter[] = [
  { file: "verdict.json", render: (_, verdict) => jsonReport(verdict) },
  { file: "junit.xml", render: junitReport },
  { file: "report.md", render: markdownReport },
  { file: "report.html", render: htmlReport },
];

/** Writes all reports into the run's folder. Never throws: what went wrong is in the result. */
export async function writeReports(
  folder: string,
  run: RunRecord,
  verdict: RunVerdict,
  reporters: readonly Reporter[] = REPORTERS,
): Promise<ReportResult> {
  const written: string[] = [];
  const failures: { file: string; message: string }[] = [];
  for (const { file, render } of reporters) {
    const path = join(folder, file);
    try {
      const text = render(run, verdict);
      await mkdir(folder, { recursive: true });
      // A rename leaves the earlier report or the new one, never half of one.
      await writeFile(`${path}.part`, text);
      await rename(`${path}.part`, path);
      written.push(path);
    } catch (error) {
      failures.push({ file, message: messageOf(error) });
    }
  }
  return { written, failures };
}
