/**
 * Donors: streams of node:zlib that are created only for their native handles. A reset of a handle
 * of Brotli or Zstandard loses its parameters on most Nodes. So an engine with parameters is
 * cleaned by another call of `init()`, which makes a new encoder in the same handle. The arguments
 * differ between the majors of Node, and wrong ones abort the process. So they are recorded from
 * node:zlib's own call.
 */
import { types } from 'node:util';
import { outsideOfContexts } from '../schedule/context.ts';
import { type Codec, type StockStream, stockStream } from './codec.ts';
import type { EngineKind } from './kind.ts';

/** Arguments by which a handle is set up. */
export type SetUp = readonly unknown[];

/**
 * Handle of a donor, on every tested major. A write has seven arguments. Its results are in
 * `_writeState`.
 */
export interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  cb: () => void;
  write(flush: number, input: Buffer, inOff: number, inLen: number, out: Buffer, outOff: number, outLen: number): void;
  writeSync: Handle['write'];
  /** Returns false, or throws, if the handle can't be set up. */
  init(...setUp: SetUp): unknown;
  reset(): void;
  params(level: number, strategy: number): void;
  close(): void;
}

export type Donor = StockStream & { _handle: Handle; _writeState: Uint32Array };

/** Smallest `chunkSize` of node:zlib, in bytes: the donor's own output buffer is never used. */
export const DONOR_CHUNK_LENGTH = 64;

/** Prototypes of the handles of encoders with parameters. */
const prototypes = new Map<Codec, object>();

function prototypeOf(codec: Codec): object {
  let prototype = prototypes.get(codec);
  if (prototype === undefined) {
    const donor = outsideOfContexts(() => stockStream(codec)) as Donor;
    prototype = Object.getPrototypeOf(donor._handle) as object;
    donor.close();
    prototypes.set(codec, prototype);
  }
  return prototype;
}

/**
 * Creates a donor outside of any async context.
 * @param codec - codec of the donor
 * @returns the donor, and the set-up of its handle. The set-up is undefined if the kind has no
 * parameters, if the kind is not reusable, or if `init()` could not be recorded
 * @throws the error of node:zlib if there is no memory
 */
export function createDonor(codec: Codec, { options, reusable }: EngineKind): [Donor, SetUp | undefined] {
  const create = (): Donor =>
    outsideOfContexts(() => stockStream(codec, { ...options, chunkSize: DONOR_CHUNK_LENGTH })) as Donor;
  return reusable && options.params !== undefined ? recorded(prototypeOf(codec), create) : [create(), undefined];
}

/** Creates a donor, with `init()` replaced meanwhile by a function that notes its arguments. */
function recorded(prototype: object, create: () => Donor): [Donor, SetUp | undefined] {
  const own = Object.getOwnPropertyDescriptor(prototype, 'init');
  if (typeof own?.value !== 'function' || !own.configurable) return [create(), undefined];
  const init: Handle['init'] = own.value;
  let setUp: SetUp = [];
  let copies: SetUp = [];
  let handle: Handle | undefined;
  const value = function (this: Handle, ...given: SetUp): unknown {
    handle = this;
    setUp = given;
    // node:zlib has one array of parameters for all streams. A hook may create one before the end.
    copies = given.map((each) => (types.isUint32Array(each) ? each.slice() : each));
    return init.call(this, ...given);
  };
  Object.defineProperty(prototype, 'init', { ...own, value });
  let donor: Donor;
  try {
    donor = create();
  } finally {
    Object.defineProperty(prototype, 'init', own);
  }
  if (handle !== donor._handle) return [donor, undefined];
  return [donor, setUp.map((each, i) => (each === donor._writeState ? each : copies[i]))];
}
