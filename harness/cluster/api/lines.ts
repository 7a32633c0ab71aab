/** A byte stream as lines. A last line without its newline is torn and never delivered. */

const NEWLINE = 0x0a;

/** Feed it chunks; it calls `onLine` for each complete line. Bytes are kept until a line is whole, so that no character is torn. */
export function createLineSplitter(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = [];
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      rest.push(chunk.subarray(from, at));
      const line = rest.length === 1 ? (rest[0] as Buffer) : Buffer.concat(rest);
      rest = [];
      from = at + 1;
      onLine(line.toString("utf8"));
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  };
}
