/** What hostile peers send: the bytes of all messages of a call, with the encoding that their header names. */
import { deflateRawSync } from 'node:zlib';
import { compress, type Encoding, frame, message } from './messages.ts';

/** The longest message that the server or client under attack takes; grpc-js's own default. */
export const LIMIT = 4 * 1024 * 1024;

export interface Attack {
  /** 'grpc-encoding'; none where undefined. */
  encoding?: string | undefined;
  /** Sent one after another; in a bidi call each when the former has been answered. */
  parts: Buffer[];
  /** After it, in place of an end: RST_STREAM with this code, or the connection is cut. */
  reset?: number | 'connection';
}

const CANCEL = 8;
const INTERNAL_ERROR = 2;

const small = message(1_000, 1);
const large = message(600_000, 2);

/** Of 256 MB. */
const bombs = { gzip: bomb('gzip'), deflate: bomb('deflate') };

function bomb(encoding: Encoding): Buffer {
  return compress[encoding](Buffer.alloc(256 * 1024 * 1024));
}

function damaged(bytes: Buffer, from: number, length: number): Buffer {
  return Buffer.from(bytes.map((byte, i) => (i >= from && i < from + length ? byte ^ 0xff : byte)));
}

export function attacksWith(encoding: Encoding): Record<string, Attack> {
  const pack = compress[encoding];
  const [whole, long] = [pack(small), pack(large)];
  const other = encoding === 'gzip' ? 'deflate' : 'gzip';
  const corrupt = frame(damaged(whole, 30, 20));
  const one = (content: Uint8Array, flag?: number): Attack => ({ encoding, parts: [frame(content, flag)] });
  return {
    'a good message': one(whole),
    'a long good message': one(long),
    'no byte, compressed': one(pack(Buffer.alloc(0))),
    'a message that is not compressed, and says so': one(small, 0),
    'no message at all': { encoding, parts: [] },

    'corrupt from the start': one(damaged(whole, 0, 8)),
    'corrupt in the data': one(damaged(whole, 30, 20)),
    'corrupt in the data of a long message': one(damaged(long, long.length >> 1, 100)),
    'corrupt in the checksum': one(damaged(whole, whole.length - (encoding === 'gzip' ? 8 : 4), 4)),
    'corrupt in the length of gzip': one(damaged(whole, whole.length - 1, 1)),
    'truncated by a byte': one(whole.subarray(0, -1)),
    'truncated half-way': one(whole.subarray(0, whole.length >> 1)),
    'a long message truncated half-way': one(long.subarray(0, long.length >> 1)),
    'truncated in the first bytes': one(whole.subarray(0, 2)),
    'one byte': one(whole.subarray(0, 1)),
    'garbage after it': one(Buffer.concat([whole, Buffer.from('garbage')])),
    'garbage after a long message': one(Buffer.concat([long, Buffer.from('garbage')])),
    'a byte after it': one(Buffer.concat([whole, Buffer.from([1])])),
    'a kilobyte after it': one(Buffer.concat([whole, Buffer.alloc(1_000, 'x')])),
    'zeros after it': one(Buffer.concat([whole, Buffer.alloc(100)])),
    'two members': one(Buffer.concat([whole, whole])),
    'two long members': one(Buffer.concat([long, long])),
    'two members, the second corrupt': one(Buffer.concat([whole, damaged(whole, 30, 20)])),
    'two members, the second truncated': one(Buffer.concat([whole, whole.subarray(0, -3)])),
    'a thousand members': one(Buffer.concat(Array.from({ length: 1_000 }, () => pack(Buffer.from('member'))))),

    'zero length, flagged as compressed': one(Buffer.alloc(0)),
    'plain text, flagged as compressed': one(small),
    'compressed with the other encoding': one(compress[other](small)),
    'compressed without a wrapper': one(deflateRawSync(small)),
    'the flag, but no grpc-encoding': { parts: [frame(whole)] },
    'the flag, with grpc-encoding identity': { encoding: 'identity', parts: [frame(whole)] },
    'a flag of 2': one(whole, 2),
    'a flag of 255': one(whole, 255),
    'encoding br': { encoding: 'br', parts: [frame(whole)] },
    'encoding constructor': { encoding: 'constructor', parts: [frame(whole)] },
    'an encoding in capitals': { encoding: encoding.toUpperCase(), parts: [frame(whole)] },
    'two encodings': { encoding: 'gzip,deflate', parts: [frame(whole)] },
    'an unknown encoding, not used': { encoding: 'br', parts: [frame(small, 0)] },

    'exactly at the limit': one(pack(Buffer.alloc(LIMIT))),
    'one byte over the limit': one(pack(Buffer.alloc(LIMIT + 1))),
    'a bomb': one(bombs[encoding]),
    'a bomb that is corrupt past the limit': one(damaged(bombs[encoding], bombs[encoding].length - 1_000, 100)),
    'a bomb, truncated': one(bombs[encoding].subarray(0, bombs[encoding].length >> 1)),
    'two members that are over the limit together': one(
      Buffer.concat([pack(Buffer.alloc(LIMIT - 100)), pack(Buffer.alloc(200))]),
    ),
    'a frame that is longer than the limit': { encoding, parts: [frame(Buffer.alloc(100), 1, LIMIT + 1)] },
    'a frame that claims all of 32 bits': { encoding, parts: [frame(whole, 1, 0xffff_ffff)] },
    'a frame that ends early': { encoding, parts: [frame(whole, 1, whole.length + 100)] },
    'half a frame header': { encoding, parts: [frame(whole).subarray(0, 3)] },

    'a good message, then a corrupt one': { encoding, parts: [frame(whole), corrupt] },
    'a corrupt message, then a good one': { encoding, parts: [Buffer.concat([corrupt, frame(whole)])] },
    'five good messages, then a truncated one': {
      encoding,
      parts: [...Array.from({ length: 5 }, () => frame(whole)), frame(long.subarray(0, -9))],
    },
    'a good message, then a bomb': { encoding, parts: [frame(whole), frame(bombs[encoding])] },
    'fifty corrupt messages at once': { encoding, parts: [Buffer.concat(Array.from({ length: 50 }, () => corrupt))] },

    'a reset in mid-message': {
      encoding,
      parts: [frame(long).subarray(0, long.length >> 1)],
      reset: CANCEL,
    },
    'a reset after a whole message': { encoding, parts: [frame(long)], reset: CANCEL },
    'a reset after a corrupt message': { encoding, parts: [corrupt], reset: INTERNAL_ERROR },
    'a reset in a bomb': { encoding, parts: [frame(bombs[encoding])], reset: CANCEL },
    'a connection that is cut in mid-message': {
      encoding,
      parts: [frame(long).subarray(0, long.length >> 1)],
      reset: 'connection',
    },
    'a connection that is cut after a message': { encoding, parts: [frame(long)], reset: 'connection' },
  };
}

export const attacks: Record<Encoding, Record<string, Attack>> = {
  gzip: attacksWith('gzip'),
  deflate: attacksWith('deflate'),
};
