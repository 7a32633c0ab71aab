/**
 * The journal of a run: one JSON line a step, on disk before the world changes.
 * A crash may tear the last line, and only the last: it is left out when read.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { FaultlineError } from "../errors.ts";
import type { JournalEntry } from "../types.ts";

/** A journal entry without its time, which the journal gives it. */
export type NewEntry = DistributiveOmit<JournalEntry, "t">;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export interface Journal {
  /** Returns once the line is on disk. @throws FaultlineError `journal` when it is not. */
  append(entry: NewEntry): JournalEntry;
  close(): void;
}

/** Opens a journal for appending; `now` gives the run's clock in milliseconds. */
export function openJournal(path: string, now: () => number): Journal {
  const torn = existsSync(path) && !readFileSync(path, "utf8").endsWith("\n") && readFileSync(path).length > 0;
  const file = openSync(path, "a");
  // What a crash tore off gets a line of its own, so that it cannot swallow the next entry.
  if (torn) writeSync(file, "\n");
  return {
    append(entry) {
      const stamped = { t: Math.round(now() * 1_000) / 1_000, ...entry } as JournalEntry;
      try {
        writeSync(file, `${JSON.stringify(stamped)}\n`);
        fsyncSync(file);
      } catch (cause) {
        throw new FaultlineError("journal", `${path}: the journal cannot be written, so nothing more is touched`, {
          cause,
          fix: "free disk space or choose another folder with --reports",
        });
      }
      return stamped;
    },
    close: () => closeSync(file),
  };
}

/**
 * Reads a journal.
 * @throws FaultlineError `journal` when it is none of ours, of a newer schema, or damaged before its last line.
 */
export function readJournal(path: string): readonly JournalEntry[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new FaultlineError("journal", `${path}: no journal can be read here`, {
      cause,
      fix: "name a run's folder: reports/<experiment>/<run-id>",
    });
  }
  const lines = text.split("\n").filter((line) => line !== "");
  const parsed = lines.map(parseLine);
  const whole = parsed.filter((entry) => entry !== null);
  const firstBad = parsed.indexOf(null);
  if (firstBad !== -1 && !tornByCrash(parsed, firstBad)) {
    throw new FaultlineError(
      "journal",
      `${path}:${firstBad + 1}: this line is no journal entry: ${lines[firstBad]?.slice(0, 80)}`,
      {
        fix: "only a line that a crash tore may be unreadable; restore the file or remove the run's folder",
      },
    );
  }
  const start = whole[0];
  if (start?.type !== "run-start") {
    throw new FaultlineError("journal", `${path}: not a journal of this tool: its first line is no run-start`, {
      fix: "name a run's folder: reports/<experiment>/<run-id>",
    });
  }
  if (start.schemaVersion !== 1) {
    throw new FaultlineError("journal", `${path}: schema version ${start.schemaVersion} is not known here (1 is)`, {
      fix: "use the version of faultline that wrote it",
    });
  }
  return whole;
}

/** A torn line is the last one, or the last one before a recovery went on writing after it. */
function tornByCrash(parsed: readonly (JournalEntry | null)[], at: number): boolean {
  if (at === 0) return false;
  const next = parsed[at + 1];
  if (at === parsed.length - 1) return true;
  return next?.type === "note" && next.message.startsWith("recovery");
}

function parseLine(line: string): JournalEntry | null {
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value !== null && typeof value.t === "number" && typeof value.type === "string"
      ? value
      : null;
  } catch {
    return null;
  }
}
