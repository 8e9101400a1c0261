/**
 * The client, in a process of its own. Its code knows node:zlib only, as that of the server. Answers
 * each job with a `Report`. It ends with its parent.
 */
import './usage.ts';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { PassThrough, Readable, Transform, type TransformCallback, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { type ClientWritableStream, credentials, type ServiceError } from '@grpc/grpc-js';
import through2 from 'through2';
import { inspect } from './inspect.ts';
import type { Job, Part } from './jobs.ts';
import { Files, type FilesClient, type Piece, type Receipt, type Usage } from './service.ts';
import { startUsage, usage } from './usage.ts';

export interface Report extends Usage {
  seconds: number;
  calls: number;
  /** Messages that were sent. */
  messages: number;
  /** Bytes of their data, uncompressed. */
  length: number;
  /** Calls whose bytes, after the way there and back, are not those that were sent. */
  mismatches: number;
  /** Statuses of the damaged uploads. */
  refusals: string[];
}

type Totals = Omit<Report, keyof Usage | 'seconds'>;

/** Has grpc-js compress each request by gzip. */
const compressing = { 'grpc.default_compression_algorithm': 2 };
const decompress = promisify(gunzip);

/** Sends messages over one call, and compares the digest of all replies. */
async function echo(client: FilesClient, messages: readonly string[], totals: Totals, done: () => void): Promise<void> {
  totals.calls += 1;
  const [sent, received] = [createHash('sha256'), createHash('sha256')];
  const call = client.echo();
  const source = Readable.from(messages).map((message: string) => {
    const data = Buffer.from(message);
    sent.update(data);
    totals.messages += 1;
    totals.length += data.length;
    return { data };
  });
  const written = pipeline(source, call as unknown as Writable);
  for await (const { data } of call as AsyncIterable<Piece>) {
    received.update(await decompress(data));
    done();
  }
  await written;
  if (sent.digest('hex') !== received.digest('hex')) totals.mismatches += 1;
}

/** Uploads a part as a gzip stream over one call, and compares the receipt. */
async function upload(client: FilesClient, part: Part, totals: Totals, done: () => void): Promise<void> {
  totals.calls += 1;
  const file = new PassThrough();
  const sent = inspect(file);
  let call!: ClientWritableStream<Piece>;
  const replied = new Promise<Receipt | ServiceError>((resolve) => {
    call = client.put((error, receipt) => resolve(error ?? (receipt as Receipt)));
  });
  const toMessages = through2({ readableObjectMode: true }, (chunk: Buffer, _encoding, callback) => {
    totals.messages += 1;
    callback(null, { data: chunk });
  });
  // A call that the server has refused ends its pipeline early: the reply says why.
  const piped = pipeline(
    createReadStream(part.path, { start: part.start, end: Math.max(part.end - 1, 0) }),
    tee(file),
    createGzip(),
    part.isDamaged ? damage() : new PassThrough(),
    toMessages as unknown as Transform,
    call as unknown as Writable,
  ).catch(() => file.end());
  const reply = await replied;
  await piped;
  done();
  if (reply instanceof Error) {
    if (!part.isDamaged) throw reply;
    totals.refusals.push(`status ${reply.code}, ${reply.details}`);
    return;
  }
  const { sha256, length, lines } = await sent;
  totals.length += length;
  if (reply.sha256 !== sha256 || reply.length !== length || reply.lines !== lines) totals.mismatches += 1;
}

/** Passes its input on, to `other` too. */
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

/** Does a job with `atATime` calls in flight. */
async function work(port: number, { messages, parts }: Job, atATime: number): Promise<Report> {
  // The pieces of an upload are compressed already.
  const options = messages === undefined ? {} : compressing;
  const client = new Files(`127.0.0.1:${port}`, credentials.createInsecure(), options) as unknown as FilesClient;
  const totals: Totals = { calls: 0, messages: 0, length: 0, mismatches: 0, refusals: [] };
  let done = 0;
  const count = (): void => {
    done += 1;
    if (done % 100 === 0) process.send?.({ done });
  };
  startUsage();
  const start = performance.now();
  if (messages !== undefined) {
    const share = Math.ceil(messages.length / atATime);
    const shares = Array.from({ length: atATime }, (_, i) => messages.slice(i * share, (i + 1) * share));
    await Promise.all(shares.map((each) => echo(client, each, totals, count)));
  } else {
    const waiting = (parts as Part[]).values();
    const lane = async (): Promise<void> => {
      for (const part of waiting) await upload(client, part, totals, count);
    };
    await Promise.all(Array.from({ length: atATime }, lane));
  }
  const seconds = (performance.now() - start) / 1000;
  client.close();
  return { ...totals, seconds, ...usage() };
}

process.on('message', ({ port, job, atATime }: { port: number; job: Job; atATime: number }) => {
  work(port, job, atATime).then(
    (answer) => process.send?.({ answer }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
