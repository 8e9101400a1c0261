/** Stages made with through2, for both sides of a gunzip: bytes before it, records behind it. */
import type { Transform, TransformCallback } from 'node:stream';
import { objectTransform, transform } from 'through2';

/** A header is short: whatever goes on for longer without an end of line is no export. */
const MAX_HEADER_LENGTH = 1_024;

const LINE_END = 10;

/** Takes the first line off, and gives it to `check`, which throws if it does not like it. */
export function takeHeader(check: (header: string) => void): Transform {
  return transform(async function* (source: AsyncIterable<Buffer>) {
    let head: Buffer | undefined = Buffer.alloc(0);
    for await (const chunk of source) {
      if (head === undefined) {
        yield chunk;
        continue;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(LINE_END);
      if (end === -1 && head.length <= MAX_HEADER_LENGTH) continue;
      check(String(head.subarray(0, Math.max(end, 0))));
      if (end + 1 < head.length) yield head.subarray(end + 1);
      head = undefined;
    }
    if (head !== undefined) check(String(head));
  }) as unknown as Transform;
}

/** Hands all on, and tells how long each chunk was. */
export function measure(count: (length: number) => void): Transform {
  return transform((chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback) => {
    count(chunk.length);
    callback(null, chunk);
  }) as unknown as Transform;
}

/** Newline-delimited JSON to the records in it, wherever the chunks are cut. An empty line is none. */
export function parseLines<Rec>(): Transform {
  let number = 0;
  const parse = (line: Buffer): Rec | undefined => {
    number += 1;
    const text = String(line).trim();
    if (text === '') return undefined;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw Object.assign(new Error(`line ${number} is no JSON`, { cause }), { code: 'ERR_RECORD' });
    }
  };
  return objectTransform(async function* (source: AsyncIterable<Buffer>) {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of source) {
      rest = Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = rest.indexOf(LINE_END); end !== -1; end = rest.indexOf(LINE_END, start)) {
        const record = parse(rest.subarray(start, end));
        if (record !== undefined) yield record;
        start = end + 1;
      }
      rest = rest.subarray(start);
    }
    const last = parse(rest);
    if (last !== undefined) yield last;
  }) as unknown as Transform;
}

/** Lets pass the records that `wanted` is true of. */
export function filter<Rec>(wanted: (record: Rec) => boolean): Transform {
  return objectTransform((record: Rec, _encoding: BufferEncoding, callback: TransformCallback) => {
    if (wanted(record)) callback(null, record);
    else callback();
  }) as unknown as Transform;
}
