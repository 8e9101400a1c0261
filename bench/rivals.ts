/**
 * What is compared: ways to gunzip one whole message through a stream, and the floor under all of them.
 */

import type { Duplex } from 'node:stream';
import { constants, type Gunzip, createGunzip as stockGunzip } from 'node:zlib';
import { ZlibPool } from 'zlease';

/** Gunzips one message and gives its bytes. */
export type Gunzipper = (message: Buffer) => Promise<Buffer> | Buffer;

/** The way most code reads a stream: write, end, 'data', 'end', concat. */
function readWhole(stream: Duplex, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    stream.on('error', reject);
    stream.write(message);
    stream.end();
  });
}

const pool = new ZlibPool();

/** The floor: one native handle, driven on the main thread, no stream around it. */
function rawSync(longest: number): Gunzipper {
  const { _handle: handle, _writeState: state } = stockGunzip() as Gunzip & {
    _handle: { writeSync: (...args: unknown[]) => void; reset: () => void };
    _writeState: Uint32Array;
  };
  const output = Buffer.alloc(longest + 1);
  return (message) => {
    handle.writeSync(constants.Z_FINISH, message, 0, message.length, output, 0, output.length);
    const chunk = Buffer.from(output.subarray(0, output.length - (state[0] as number)));
    handle.reset();
    return chunk;
  };
}

export function rivals(longest: number): Map<string, Gunzipper> {
  return new Map<string, Gunzipper>([
    ['stock', (message) => readWhole(stockGunzip(), message)],
    ['zlease', (message) => readWhole(pool.createGunzip(), message)],
    ['rawSync', rawSync(longest)],
  ]);
}
