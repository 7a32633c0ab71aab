/** As much of a DNS message (RFC 1035, section 4) as a proxy needs: whom it asks for, and an answer that says no. */

export const RCODES = { servfail: 2, nxdomain: 3, refused: 5 } as const;
export type Rcode = keyof typeof RCODES;

const HEADER_BYTES = 12;
const QR = 0x80;
const RA = 0x80;
const OPCODE_AND_RD = 0x79;

export interface Question {
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  /** Where the question ends in the message. */
  readonly end: number;
}

/** @returns null for what is no query with one question. */
export function questionOf(message: Buffer): Question | null {
  if (message.length < HEADER_BYTES || ((message[2] ?? 0) & QR) !== 0 || message.readUInt16BE(4) !== 1) return null;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    // A question is the first name of its message: there is nothing before it that it could point to.
    if (length === undefined || length > 63) return null;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return null;
  return { name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at), end: at + 4 };
}

/** The answer to a query that says no: its header and question, and nothing more. */
export function refusalOf(query: Buffer, question: Question, rcode: Rcode): Buffer {
  const answer = Buffer.from(query.subarray(0, question.end));
  answer[2] = QR | ((query[2] ?? 0) & OPCODE_AND_RD);
  answer[3] = RA | RCODES[rcode];
  answer.fill(0, 6, HEADER_BYTES);
  return answer;
}

/** A query for the addresses of a name. @param id what tells its answer, 0 to 65535. */
export function queryFor(name: string, id: number): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  // Recursion desired; one question.
  header[2] = 1;
  header[5] = 1;
  const body = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, "latin1")]));
  return Buffer.concat([header, ...body, Buffer.from([0, 0, 1, 0, 1])]);
}

/** `db.example.com` is that name; `*.example.com` is every name below it; `*` is every name. */
export function isAmong(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    if (pattern === "*") return true;
    return pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) && name !== pattern.slice(2) : name === pattern;
  });
}
