/** Shows what runs, for how long, and how long it took last time: redrawn lines on a terminal, plain lines elsewhere. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FaultlineError, messageOf } from "../../errors.ts";
import { home } from "../paths.ts";
import type { StepListener } from "./run.ts";
import type { Step } from "./step.ts";

/** Without a terminal: how often a line says that all is still running. */
const HEARTBEAT_MS = 30_000;
const REDRAW_MS = 500;

export interface Progress extends StepListener {
  /** Ends the output; to be called whatever happens. */
  readonly close: () => void;
}

interface Running {
  readonly step: Step;
  readonly startedAt: number;
  line: string;
}

/** @param stream where to write; a terminal gets lines that are redrawn. */
export function showProgress(stream: NodeJS.WriteStream): Progress {
  const running = new Map<string, Running>();
  const live = stream.isTTY === true;
  let drawn = 0;
  const timer = setInterval(live ? redraw : heartbeat, live ? REDRAW_MS : HEARTBEAT_MS);
  return {
    started(step) {
      running.set(step.id, { step, startedAt: performance.now(), line: "" });
      if (live) redraw();
      else stream.write(`start  ${step.title}${lastTime(step)}\n`);
    },
    line(step, line) {
      const entry = running.get(step.id);
      if (entry !== undefined) entry.line = line.trim();
    },
    ended(step, durationMs, error) {
      running.delete(step.id);
      if (live) erase();
      stream.write(`${endLine(step, durationMs, error)}\n`);
      if (live) redraw();
      if (error === undefined) rememberDuration(step.id, durationMs);
    },
    close() {
      clearInterval(timer);
      if (live) erase();
    },
  };

  function heartbeat(): void {
    for (const line of runningLines(running.values())) stream.write(`still  ${line}\n`);
  }
  function erase(): void {
    if (drawn > 0) stream.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  }
  function redraw(): void {
    erase();
    const lines = runningLines(running.values()).map((line) => line.slice(0, Math.max(20, stream.columns - 8)));
    for (const line of lines) stream.write(`  …    ${line}\n`);
    drawn = lines.length;
  }
}

/** Commands are long, and the whole error comes at the end anyway. */
const REASON_LENGTH = 160;

function endLine(step: Step, durationMs: number, error: unknown): string {
  const what = `${step.title} in ${duration(durationMs)}`;
  if (error === undefined) return `done   ${what}`;
  if (error instanceof FaultlineError && error.code === "interrupted") return `stopped ${what}`;
  const lines = messageOf(error).trim().split("\n");
  return `FAILED ${what}: ${(lines.at(-1) ?? "").slice(0, REASON_LENGTH)}`;
}

function runningLines(running: Iterable<Running>): string[] {
  return [...running].map(({ step, startedAt, line }) => {
    const doing = line === "" ? "" : `: ${line}`;
    return `${step.title}, ${duration(performance.now() - startedAt)}${lastTime(step)}${doing}`;
  });
}

function lastTime(step: Step): string {
  const before = rememberedDurations()[step.id];
  return before === undefined ? "" : ` (last time ${duration(before)})`;
}

/** Milliseconds as a person reads them: "3.2 s", "7 min 02 s". */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

const durationsFile = (): string => join(home(), "durations.json");

/** How long each step took when it last succeeded, in milliseconds by step id. */
export function rememberedDurations(): Readonly<Record<string, number>> {
  try {
    return JSON.parse(readFileSync(durationsFile(), "utf8")) as Record<string, number>;
  } catch {
    // Absent or torn: it is a convenience, never a reason to fail.
    return {};
  }
}

function rememberDuration(id: string, ms: number): void {
  mkdirSync(home(), { recursive: true });
  const aside = `${durationsFile()}.${process.pid}`;
  writeFileSync(aside, JSON.stringify({ ...rememberedDurations(), [id]: Math.round(ms) }, null, 2));
  renameSync(aside, durationsFile());
}
