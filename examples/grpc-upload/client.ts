/** The client: gzips parts of files, streams each over a call of its own, and compares the server's receipt. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough, Transform, type TransformCallback, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type ClientWritableStream, credentials, type ServiceError } from '@grpc/grpc-js';
import through2 from 'through2';
import { inspect } from './inspect.ts';
import { type Piece, type Receipt, Upload } from './service.ts';

/** A part of a file, from byte `start` up to but not including `end`. */
export interface Part {
  path: string;
  start: number;
  end: number;
  /** Damaged on its way, on purpose: the server has to refuse it. */
  corrupt: boolean;
}

export interface Totals {
  calls: number;
  messages: number;
  bytesIn: number;
  bytesOut: number;
  /** Receipts that did not match what was sent. */
  mismatches: number;
  /** Damaged uploads that failed with a gRPC status, as they should. */
  refusals: ServiceError[];
}

/** The parts of `paths`, of at most `partLength` bytes each, and one of them once more, damaged. */
export async function partsOf(paths: readonly string[], partLength: number): Promise<Part[]> {
  const parts: Part[] = [];
  for (const path of paths) {
    const { size } = await stat(path);
    for (let start = 0; start === 0 || start < size; start += partLength) {
      parts.push({ path, start, end: Math.min(start + partLength, size), corrupt: false });
    }
  }
  const middle = parts.length >> 1;
  const longest = parts.reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));
  parts.splice(middle, 0, { ...longest, corrupt: true });
  return parts;
}

/** Uploads all parts, `atATime` calls at a time. */
export async function upload(port: number, parts: Part[], atATime: number, uploaded: () => void): Promise<Totals> {
  const client = new Upload(`127.0.0.1:${port}`, credentials.createInsecure());
  const totals: Totals = { calls: 0, messages: 0, bytesIn: 0, bytesOut: 0, mismatches: 0, refusals: [] };
  const waiting = parts.values();
  const lane = async (): Promise<void> => {
    for (const part of waiting) {
      await uploadPart(client as unknown as UploadClient, part, totals);
      uploaded();
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  client.close();
  return totals;
}

interface UploadClient {
  put(reply: (error: ServiceError | null, receipt?: Receipt) => void): ClientWritableStream<Piece>;
}

async function uploadPart(client: UploadClient, part: Part, totals: Totals): Promise<void> {
  totals.calls += 1;
  const file = new PassThrough();
  const sent = inspect(file);
  let call!: ClientWritableStream<Piece>;
  const replied = new Promise<Receipt | ServiceError>((resolve) => {
    call = client.put((error, receipt) => resolve(error ?? (receipt as Receipt)));
  });
  const toMessages = through2({ readableObjectMode: true }, (chunk: Buffer, _encoding, callback) => {
    totals.messages += 1;
    totals.bytesIn += chunk.length;
    callback(null, { data: chunk });
  });
  // A call that the server has refused ends its pipeline early: the reply says why.
  const piped = pipeline(
    createReadStream(part.path, { start: part.start, end: Math.max(part.end - 1, 0) }),
    tee(file),
    createGzip(),
    part.corrupt ? damage() : new PassThrough(),
    toMessages as unknown as Transform,
    call as unknown as Writable,
  ).catch(() => file.end());
  const reply = await replied;
  await piped;
  if (reply instanceof Error) {
    if (part.corrupt) totals.refusals.push(reply);
    else throw reply;
    return;
  }
  const { sha256, length, lines } = await sent;
  totals.bytesOut += reply.length;
  if (reply.sha256 !== sha256 || reply.length !== length || reply.lines !== lines) totals.mismatches += 1;
}

/** Passes on what it gets, to `other` too. */
function tee(other: PassThrough): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback) => {
      if (other.write(chunk)) callback(null, chunk);
      else other.once('drain', () => callback(null, chunk));
    },
    flush: (callback: TransformCallback) => {
      other.end();
      callback();
    },
  });
}

/** Inverts the second half of each chunk. */
function damage(): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback) => {
      callback(
        null,
        chunk.map((byte, i) => (2 * i < chunk.length ? byte : byte ^ 0xff)),
      );
    },
  });
}
