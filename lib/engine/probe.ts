/**
 * Probe of the native engine. The engine may be used on the tested majors of Node, for each codec
 * whose engine passes the probe.
 */
import { types } from 'node:util';
import { type Codec, type Format, stockStream } from './codec.ts';
import { DONOR_CHUNK_LENGTH, type Donor } from './donor.ts';
import { nativeEngine } from './engines.ts';
import { type EngineKind, engineKind } from './kind.ts';

/** Majors of Node on which the specs have run. With 'auto', all others get the public engine. */
const TESTED_MAJORS: ReadonlySet<number> = new Set([20, 22, 24, 26]);

/**
 * Text of the probes. Its compressed forms are constants, so that the probe of a decoder depends on
 * its engine only.
 */
const PROBE_TEXT = 'zlease probes the engine '.repeat(8);
const GZIP_PROBE = 'H4sIAAAAAAACA6vKSU0sTlUoKMpPSi1WKMlIVUjNS8/MS1WoGloSAPf9y2DIAAAA';
const probeData: Readonly<Record<Format, string>> = {
  gzip: GZIP_PROBE,
  deflate: 'eNqryklNLE5VKCjKT0otVijJSFVIzUvPzEtVqBpaEgBFU0ox',
  'deflate-raw': 'q8pJTSxOVSgoyk9KLVYoyUhVSM1Lz8xLVagaWhIA',
  unzip: GZIP_PROBE,
  br: 'G8cA+B2pU5+7cM0GJ6enQcLE5lTZWxGkWKGwk4fD5hI5BQ==',
  zstd: 'KLUv/SDIBQEAyHpsZWFzZSBwcm9iZXMgdGhlIGVuZ2luZSABALGYmmM=',
};
/** Invalid data in every format. */
const NO_DATA = Buffer.alloc(5, 0xff);

/** Returns whether the donor has the parts that the engine drives. */
function isKnown(codec: Codec): boolean {
  const donor = stockStream(codec, { chunkSize: DONOR_CHUNK_LENGTH }) as Donor;
  const names = ['write', 'writeSync', 'reset', 'close', 'params'] as const;
  const known =
    types.isUint32Array(donor._writeState) &&
    donor._writeState.length === 2 &&
    names.every((name) => typeof donor._handle?.[name] === 'function');
  donor.close();
  return known;
}

/**
 * Returns whether the engine gives the known results for output that fits, output that does not,
 * and an error.
 */
function decodes(codec: Codec): boolean {
  const text = Buffer.from(PROBE_TEXT);
  const data = Buffer.from(probeData[codec.format], 'base64');
  const engine = nativeEngine(engineKind(codec));
  const output = Buffer.alloc(text.length + 1);
  const gives = (input: Buffer, room: number, availIn: number, availOut: number): boolean => {
    engine.writeSync(codec.finishFlush, input, 0, input.length, output, room);
    return !engine.failed && engine.availOut === availOut && (availOut === 0 || engine.availIn === availIn);
  };
  try {
    if (!gives(data, 10, 0, 0)) return false;
    engine.reset();
    if (!gives(data, output.length, 0, 1) || !output.subarray(0, -1).equals(text)) return false;
    engine.reset();
    return !gives(NO_DATA, output.length, 0, 0) && typeof engine.failure?.code === 'string';
  } finally {
    engine.close();
  }
}

/**
 * Returns whether the engine gives node:zlib's own output, once more for a next owner, and for
 * output that does not fit.
 */
function encodes(kind: EngineKind): boolean {
  const { codec, options } = kind;
  const text = Buffer.from(PROBE_TEXT);
  const data = codec.sync(text, options);
  const engine = nativeEngine(kind);
  const output = Buffer.alloc(data.length + 1);
  const made = (room: number): Buffer => {
    engine.writeSync(codec.finishFlush, text, 0, text.length, output, room);
    return output.subarray(0, room - engine.availOut);
  };
  try {
    if (!made(output.length).equals(data) || engine.failed || engine.availIn !== 0) return false;
    engine.clean();
    if (!made(output.length).equals(data) || engine.failed) return false;
    engine.clean();
    return made(20).equals(data.subarray(0, 20)) && !engine.failed;
  } finally {
    engine.close();
  }
}

function tested(): boolean {
  const { node, bun, deno } = process.versions;
  return bun === undefined && deno === undefined && TESTED_MAJORS.has(Number.parseInt(node, 10));
}

/**
 * Results of the probes. A codec is probed at its first use, since an encoder's takes milliseconds.
 */
const results = new Map<Codec, boolean>();
const resultsWithParams = new Map<Codec, boolean>();

/**
 * Returns the result of a probe. A RangeError means too little stack, or too little memory for a
 * Buffer. The result is then false, and the next use repeats the probe. Any other result is kept.
 */
function resultOf(known: Map<Codec, boolean>, codec: Codec, probe: () => boolean): boolean {
  let result = known.get(codec);
  if (result !== undefined) return result;
  try {
    result = probe();
  } catch (error) {
    if (error instanceof RangeError) return false;
    result = false;
  }
  known.set(codec, result);
  return result;
}

/**
 * Returns whether the native engine of a codec may be used. Never on a major that is not tested.
 */
export function isNative(codec: Codec): boolean {
  return resultOf(
    results,
    codec,
    () => tested() && isKnown(codec) && (codec.compresses ? encodes(engineKind(codec)) : decodes(codec)),
  );
}

/** Returns whether an encoder has the parameters of its kind again once it was cleaned. */
export function keepsParams(codec: Codec): boolean {
  if (!isNative(codec)) return false;
  return resultOf(resultsWithParams, codec, () => encodes(engineKind(codec, { params: codec.probeParams })));
}

/** Not exported from the package. */
export { PROBE_TEXT, results };
