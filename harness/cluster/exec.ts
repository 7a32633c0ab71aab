/** Running outside programs: the only importer of execa. Arguments are arrays, never a shell string. */
import { closeSync, openSync } from "node:fs";
import { PassThrough, type Readable } from "node:stream";
import { execa } from "execa";
import { FaultlineError } from "../errors.ts";

export interface ExecOptions {
  /** Milliseconds until the program is ended; required, so that no wait is without a deadline. */
  readonly timeoutMs: number;
  readonly cwd?: string;
  /** Added to the harness's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal;
  /** Exit codes that are no error; default `[0]`. `"any"` returns whatever came. */
  readonly accept?: readonly number[] | "any";
  /** Called with each line of stdout and stderr while the program runs. */
  readonly onLine?: (line: string) => void;
  /**
   * A process group of its own: Ctrl-C on the terminal does not reach it, and ending it ends what it started too. For
   * programs that leave things behind when a signal hits them.
   */
  readonly ownGroup?: boolean;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall time in milliseconds. */
  readonly durationMs: number;
}

/**
 * Runs `command` with `args` and returns its output.
 * @throws FaultlineError `command-failed` with the command, the exit code and the last lines of its output when the
 *   exit code is not accepted, the program is missing, or the deadline passed; `interrupted` when `signal` fired.
 */
export async function exec(command: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const child = execa(command, args, {
    reject: false,
    timeout: options.timeoutMs,
    forceKillAfterDelay: 5_000,
    stripFinalNewline: true,
    stdin: options.input === undefined ? "ignore" : "pipe",
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.ownGroup === true ? { detached: true, cleanup: true } : {}),
    maxBuffer: 64 * 1024 * 1024,
    // Without `all` there is no interleaved stream to take lines from.
    all: options.onLine !== undefined,
  });
  if (options.onLine !== undefined) {
    void forEachLine(child.iterable({ from: "all" as never }), options.onLine).catch(() => undefined);
  }
  const stopGroup = options.ownGroup === true ? () => endGroup(child.pid) : undefined;
  const stopTimer = stopGroup === undefined ? undefined : setTimeout(stopGroup, options.timeoutMs);
  if (stopGroup !== undefined) options.signal?.addEventListener("abort", stopGroup, { once: true });
  const result = await child;
  clearTimeout(stopTimer);
  if (stopGroup !== undefined) options.signal?.removeEventListener("abort", stopGroup);
  const exitCode = result.exitCode ?? -1;
  const accepted = options.accept ?? [0];
  if (result.isCanceled) {
    throw new FaultlineError("interrupted", `${command} ${args.join(" ")}: stopped on request`);
  }
  if (result.exitCode === undefined || (accepted !== "any" && !accepted.includes(exitCode))) {
    throw commandFailed(command, args, options.timeoutMs, result);
  }
  return { exitCode, stdout: String(result.stdout), stderr: String(result.stderr), durationMs: result.durationMs };
}

/** Ends a whole process group; right if it is gone. */
function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGTERM");
  } catch {
    // ESRCH: it has ended by itself.
  }
}

export interface OutputStream {
  /** The program's standard output as it comes; ends when the program does. */
  readonly output: Readable;
  /** Resolves when the program exited with 0. @throws as `exec` does. */
  readonly done: Promise<void>;
}

/** Starts a program whose output is too large to be kept: it is read as a stream, at the reader's speed. */
export function execStream(
  command: string,
  args: readonly string[],
  options: Pick<ExecOptions, "timeoutMs" | "signal">,
): OutputStream {
  const child = execa(command, args, {
    reject: false,
    timeout: options.timeoutMs,
    stdin: "ignore",
    buffer: { stdout: false },
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  const output = child.stdout.pipe(new PassThrough());
  const done = child.then((result) => {
    if (result.isCanceled) throw new FaultlineError("interrupted", `${command} ${args.join(" ")}: stopped on request`);
    if (result.exitCode !== 0) throw commandFailed(command, args, options.timeoutMs, result);
  });
  // Whoever reads the stream learns of a failure too, and the promise may be awaited later.
  done.catch((error: unknown) => output.destroy(error as Error));
  return { output, done };
}

export interface DetachedOptions {
  /** Receives stdout and stderr, appended. */
  readonly logFile: string;
}

/**
 * Starts a program that outlives the harness, in a session of its own, and returns its process id.
 * Whether it came up is for the caller to find out; its output is in the log file.
 */
export function startDetached(command: string, args: readonly string[], options: DetachedOptions): number | undefined {
  // A descriptor of the program's own: a pipe through the harness would break when the harness ends.
  // execa takes any descriptor, its types only know the first three.
  const log = openSync(options.logFile, "a") as 1;
  try {
    const child = execa(command, args, {
      detached: true,
      cleanup: false,
      reject: false,
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    child.unref();
    return child.pid;
  } finally {
    closeSync(log);
  }
}

async function forEachLine(lines: AsyncIterable<unknown>, onLine: (line: string) => void): Promise<void> {
  for await (const line of lines) onLine(String(line));
}

interface FailedResult {
  readonly exitCode?: number | undefined;
  readonly timedOut: boolean;
  readonly stdout?: unknown;
  readonly stderr?: unknown;
  readonly shortMessage?: string | undefined;
  readonly originalMessage?: string | undefined;
}

function commandFailed(command: string, args: readonly string[], timeoutMs: number, result: FailedResult) {
  const output = `${result.stdout ?? ""}\n${result.stderr ?? ""}`.trim();
  const why = result.timedOut
    ? `did not end within ${timeoutMs} ms`
    : result.exitCode === undefined
      ? (result.originalMessage ?? "could not be started")
      : `exited with ${result.exitCode}`;
  const tail = output.split("\n").slice(-20).join("\n");
  return new FaultlineError("command-failed", `${command} ${args.join(" ")}: ${why}${tail === "" ? "" : `\n${tail}`}`, {
    context: { command, args, exitCode: result.exitCode ?? null, timedOut: result.timedOut, output },
  });
}
