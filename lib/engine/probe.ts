/**
 * Where the native engine may be used: on the majors of Node that it was tested on, for each format whose engine passes a probe at
 * load.
 */
import { types } from 'node:util';
import { engineKind, type Format, formats, formatTraits, stockStream } from './codec.ts';
import { DONOR_CHUNK_LENGTH, type Donor, NativeEngine } from './native.ts';

/** The majors whose internals the specs have run on. Any other gets the public engine under `engine: 'auto'`. */
const TESTED_MAJORS: ReadonlySet<number> = new Set([20, 22, 24, 26]);

/** What the probe inflates, and its data: made beforehand, so that the probe depends on nothing but what it probes. */
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
/** No format begins like this. */
const NO_DATA = Buffer.alloc(5, 0xff);

/** A round trip with every result checked: output that fits, output that does not, reset, an error. */
function probe(format: Format): boolean {
  const text = Buffer.from(PROBE_TEXT);
  const data = Buffer.from(probeData[format], 'base64');
  const { finishFlush } = formatTraits(format);
  const donor = stockStream(format, { chunkSize: DONOR_CHUNK_LENGTH }) as Donor;
  const known =
    types.isUint32Array(donor._writeState) &&
    donor._writeState.length === 2 &&
    (['write', 'writeSync', 'reset', 'close'] as const).every((name) => typeof donor._handle?.[name] === 'function');
  donor.close();
  if (!known) return false;

  const engine = new NativeEngine(engineKind(format));
  const output = Buffer.alloc(text.length + 1);
  const gives = (input: Buffer, room: number, availIn: number, availOut: number): boolean => {
    engine.writeSync(finishFlush, input, 0, input.length, output, room);
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

function probed(): Format[] {
  return formats.filter((format) => {
    try {
      return probe(format);
    } catch {
      return false;
    }
  });
}

function tested(): boolean {
  const { node, bun, deno } = process.versions;
  return bun === undefined && deno === undefined && TESTED_MAJORS.has(Number.parseInt(node, 10));
}

/** The formats whose native engine passed the probe at load, on a tested major; elsewhere none. */
export const nativeFormats: ReadonlySet<Format> = new Set(tested() ? probed() : []);
