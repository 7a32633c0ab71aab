/** Running a program in a container through the API server: a WebSocket, by the client library. */
import { PassThrough, Readable } from "node:stream";
import type { KubeConfig, V1Status } from "@kubernetes/client-node";
import { FaultlineError, messageOf } from "../../errors.ts";
import type { ExecResult } from "../exec.ts";
import type { PodExec } from "../kube.ts";

/**
 * Standard input ends for the program only where the API server speaks v5.channel.k8s.io (1.30 and newer).
 * @throws FaultlineError `command-failed` when the program could not be run, or did not end in time.
 */
export async function podExec(config: KubeConfig, request: PodExec): Promise<ExecResult> {
  const { Exec } = await import("@kubernetes/client-node");
  const { namespace, name, container, argv, input, timeoutMs } = request;
  const out = collected();
  const err = collected();
  const started = performance.now();
  const stdin = input === undefined ? null : Readable.from([Buffer.from(input)]);
  const what = `${argv.slice(0, 3).join(" ")} in pod ${namespace}/${name}`;
  return await new Promise<ExecResult>((resolve, reject) => {
    let close = () => {};
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(timer);
      close();
      reject(new FaultlineError("command-failed", `${what}: ${why}`, { cause, context: { output: err.text() } }));
    };
    const timer = setTimeout(() => fail(`did not end within ${timeoutMs} ms`), timeoutMs);
    const onStatus = (status: V1Status) => {
      clearTimeout(timer);
      const exitCode = exitCodeOf(status);
      if (exitCode === null) fail(status.message ?? "the API server gave no reason");
      else resolve({ exitCode, stdout: out.text(), stderr: err.text(), durationMs: performance.now() - started });
    };
    new Exec(config)
      .exec(namespace, name, container, [...argv], out.stream, err.stream, stdin, false, onStatus)
      .then((socket) => {
        close = () => socket.close();
        socket.onclose = () => fail("the connection ended before the program did");
      })
      .catch((error: unknown) => fail(messageOf(error), error));
  });
}

/** null where the program never ran. */
function exitCodeOf(status: V1Status): number | null {
  if (status.status === "Success") return 0;
  const code = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  return code === undefined ? null : Number(code);
}

function collected() {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString("utf8").replace(/\n$/, "") };
}
