/** What stands before and after the decompressing stream in the server's pipeline. */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import through2 from 'through2';
import type { Piece, Receipt } from './service.ts';

/** Takes messages, gives the bytes in them. */
export function messageBytes(): Duplex {
  return through2({ writableObjectMode: true }, (piece: Piece, _encoding, callback) => {
    callback(null, piece.data);
  }) as unknown as Duplex;
}

/** Reads a file to its end and tells what was in it. */
export async function inspect(file: AsyncIterable<Buffer>): Promise<Receipt> {
  const hash = createHash('sha256');
  let length = 0;
  let lines = 0;
  for await (const chunk of file) {
    hash.update(chunk);
    length += chunk.length;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1;
  }
  return { sha256: hash.digest('hex'), length, lines };
}
