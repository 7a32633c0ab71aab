/**
 * One error family. `code` is for machines, `message` for people: what happened, where, and what to do next.
 * The system under test misbehaving is data; only the harness or its surroundings misbehaving is one of these.
 */
export type ErrorCode =
  | "usage" // bad command line or bad definition: exit 254
  | "command-failed" // an outside program exited non-zero or timed out
  | "deadline" // a wait ended before what it waited for was seen
  | "cluster" // the cluster refused, or could not be created
  | "cluster-busy" // another run holds the cluster
  | "not-ours" // something of that name exists and carries no label of ours
  | "setup" // the machine lacks something
  | "fault" // a fault could not be injected or reverted
  | "journal" // a run folder cannot be read or written
  | "interrupted" // the user asked to stop
  | "internal";

export interface ErrorDetails {
  /** What the user should do next, one sentence or a command. */
  readonly fix?: string;
  /** Facts for machines and for the report. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The only error class that the harness throws on purpose. */
export class FaultlineError extends Error {
  readonly code: ErrorCode;
  readonly fix: string | undefined;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "FaultlineError";
    this.code = code;
    this.fix = details.fix;
    this.context = details.context ?? {};
  }
}

/** A message of one line for any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Several failures of the same step as one error: every message, and every way to put it right. */
export function allOf(failures: readonly unknown[]): Error {
  const [first] = failures;
  if (failures.length === 1 && first instanceof Error) return first;
  const fixes = failures.flatMap((one) => (one instanceof FaultlineError && one.fix !== undefined ? [one.fix] : []));
  return new FaultlineError("fault", failures.map(messageOf).join("\n"), {
    cause: new AggregateError(failures),
    ...(fixes.length === 0 ? {} : { fix: fixes.join("\n") }),
  });
}
