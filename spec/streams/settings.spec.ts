/** Settings: each set of options is checked by node:zlib once, and then known by its values. */
import { createHook } from 'node:async_hooks';
import { constants } from 'node:zlib';
import { expect } from 'chai';
import type { Codec } from '../../lib/engine/codec.ts';
import type { StreamOptions } from '../../lib/streams/options.ts';
import { codecs, decoder, encoder, messageSettings, streamSettings, ZlibPool } from '../support/library.ts';
import { json } from '../support/samples.ts';

const { Z_SYNC_FLUSH, Z_FINISH, BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN } = constants;

/** Number of native handles of zlib that `work` creates. */
function handlesOf(work: () => void): number {
  let handles = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'ZLIB') handles += 1;
    },
  }).enable();
  try {
    work();
  } finally {
    hook.disable();
  }
  return handles;
}

function codeOf(codec: Codec, options: object): string | undefined {
  try {
    streamSettings(codec, options as StreamOptions);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

describe('Settings', () => {
  const usual: ReadonlyArray<readonly [who: string, codec: Codec, options: () => StreamOptions]> = [
    ['connect-node, decompressing', decoder('gzip'), () => ({ maxOutputLength: 0xffff_ffff })],
    ['connect-node, compressing', encoder('gzip'), () => ({})],
    ['undici', decoder('gzip'), () => ({ flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH })],
    ['axios', decoder('unzip'), () => ({ flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH })],
    ['express', encoder('gzip'), () => ({ level: -1, threshold: 1_024, filter: () => true }) as StreamOptions],
    ['express, Brotli', encoder('br'), () => ({ params: { [BROTLI_PARAM_QUALITY]: 4 } })],
    ['ws', encoder('deflate-raw'), () => ({ windowBits: 15, memLevel: 7, level: 3 })],
    ['a chunkSize', decoder('deflate'), () => ({ chunkSize: 65_536, highWaterMark: 10 }) as StreamOptions],
  ];
  for (const [who, codec, options] of usual) {
    it(`take no handle for options that node:zlib has accepted (${who})`, () => {
      streamSettings(codec, options());
      expect(handlesOf(() => streamSettings(codec, options()))).to.equal(0);
      expect(handlesOf(() => messageSettings(codec, options()))).to.equal(0);
    });
  }

  it('are those of the options, in the first call and in later ones', () => {
    for (const codec of codecs.filter(({ byZlib }) => byZlib)) {
      for (let i = 0; i < 2 ** 7; i++) {
        const one = <T>(bit: number, first: T, second: T): T => ((i >> bit) & 1 ? first : second);
        const options = {
          flush: one(0, 0, 2),
          finishFlush: one(1, 2, 4),
          windowBits: one(2, 9, 15),
          level: one(3, 1, 9),
          memLevel: one(4, 9, 1),
          strategy: one(5, 1, 2),
          rejectGarbageAfterEnd: one(6, true, false),
        };
        const { flush, finishFlush, windowBits, level, memLevel, strategy, rejectGarbageAfterEnd } = options;
        const ofKind = codec.compresses
          ? { windowBits, level, memLevel, strategy }
          : { windowBits, rejectGarbageAfterEnd };
        for (let call = 0; call < 2; call++) {
          const settings = streamSettings(codec, options);
          expect(settings).to.include({ flush, finishFlush, rejectGarbageAfterEnd });
          expect(settings.kind.options).to.include(ofKind);
        }
      }
    }
  });

  it('have the chunkSize, the limits and the info of each call', () => {
    for (const read of [streamSettings, messageSettings]) {
      // A window of 512 bytes: the output of a message is cut, too.
      const settings = (more: StreamOptions) => read(decoder('deflate'), { windowBits: 9, ...more });
      const { kind, chunkLength } = settings({});
      expect(settings({ chunkSize: 100, maxOutputLength: 7, info: true })).to.deep.include({
        chunkLength: 100,
        limits: { maxOutputLength: 7, maxRatio: undefined, ratioFloorLength: undefined },
        info: true,
      });
      expect(settings({ maxRatio: 3 }).limits?.maxRatio).to.equal(3);
      expect(settings({})).to.include({ kind, chunkLength, limits: undefined, info: undefined });
    }
    expect(messageSettings(decoder('gzip'), { chunkSize: 100 }).chunkLength).to.equal(0);
  });

  it('refuse values that only look like accepted ones', () => {
    const deflate = encoder('deflate');
    expect(codeOf(deflate, { level: 6, chunkSize: 100 })).to.equal(undefined);
    for (const level of ['6', 6n, [6], { valueOf: () => 6 }]) {
      expect(codeOf(deflate, { level, chunkSize: 100 })).to.equal('ERR_INVALID_ARG_TYPE');
    }
    expect(codeOf(deflate, { level: 6, chunkSize: 10 })).to.equal('ERR_OUT_OF_RANGE');
    expect(codeOf(deflate, { level: 6, maxOutputLength: 2 ** 60 })).to.equal('ERR_OUT_OF_RANGE');
    expect(codeOf(deflate, { level: 6, finishFlush: 9 })).to.equal('ERR_OUT_OF_RANGE');
    expect(codeOf(deflate, { finishFlush: 6, level: undefined })).to.equal('ERR_OUT_OF_RANGE');
    const br = encoder('br');
    expect(codeOf(br, { params: { [BROTLI_PARAM_QUALITY]: 5, [BROTLI_PARAM_LGWIN]: 20 } })).to.equal(undefined);
    expect(codeOf(br, { params: { [BROTLI_PARAM_QUALITY]: '5' } })).to.equal('ERR_INVALID_ARG_TYPE');
    expect(codeOf(br, { params: { quality: 5 } })).to.equal('ERR_BROTLI_INVALID_PARAM');
    const name = `${BROTLI_PARAM_QUALITY}=5 ${BROTLI_PARAM_LGWIN}`;
    expect(codeOf(br, { params: { [name]: 20 } })).to.equal('ERR_BROTLI_INVALID_PARAM');
  });

  it('take the names of parameters as node:zlib does: 0x1 is the quality too', () => {
    for (const name of ['0x1', ' 1', '01', '1.0', '+1', '1e0']) {
      const params = { [name]: 1 };
      expect(codeOf(encoder('br'), { params }), name).to.equal(undefined);
      expect(messageSettings(encoder('br'), { params }).kind).to.deep.include({ reusable: false });
      const message = json(3_000, 1);
      expect(
        new ZlibPool().brotliCompressSync(message, { params }).equals(encoder('br').sync(message, { params })),
      ).to.equal(true);
    }
  });

  it('without parameters are those of an empty object of them, and their engine is reusable', () => {
    for (const codec of codecs.filter(({ byZlib }) => !byZlib)) {
      for (const params of [{}, undefined, null, {}, 0, undefined]) {
        const { kind } = streamSettings(codec, { params } as StreamOptions);
        expect(kind).to.include({ codec, reusable: true });
        expect(kind).to.equal(streamSettings(codec).kind);
      }
    }
  });

  it('of parameters do not change with the object that they were read from', () => {
    const params = { [BROTLI_PARAM_QUALITY]: 3 };
    const { kind } = streamSettings(encoder('br'), { params });
    params[BROTLI_PARAM_QUALITY] = 4;
    expect(kind.options.params).to.deep.equal({ [BROTLI_PARAM_QUALITY]: 3 });
    expect(streamSettings(encoder('br'), { params }).kind.options.params).to.deep.equal({ [BROTLI_PARAM_QUALITY]: 4 });
  });

  it('read each option once', () => {
    let reads = 0;
    const options = {
      get level() {
        reads += 1;
        return reads === 1 ? 7 : 'no level';
      },
    };
    expect(streamSettings(encoder('gzip'), options as StreamOptions).kind.options.level).to.equal(7);
    expect(reads).to.equal(1);
  });

  it('allocate no chunk for the check', () => {
    const { arrayBuffers } = process.memoryUsage();
    streamSettings(decoder('gzip'), { chunkSize: 2 ** 30, finishFlush: Z_FINISH, level: 0.123 });
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).to.be.below(2 ** 20);
  });

  it('are kept for a bounded number of option sets', () => {
    const codec = encoder('gzip');
    const options = { level: 5.5 };
    streamSettings(codec, options);
    expect(handlesOf(() => streamSettings(codec, options))).to.equal(0);
    for (let i = 1; i <= 1_100; i++) streamSettings(codec, { level: 7 + i / 2_000 });
    expect(handlesOf(() => streamSettings(codec, options))).to.equal(1);
    const params = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, 0]));
    for (let i = 0; i < 2; i++) expect(codeOf(encoder('br'), { params })).to.equal('ERR_BROTLI_INVALID_PARAM');
  });
});
