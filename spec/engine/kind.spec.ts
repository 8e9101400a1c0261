import { expect } from 'chai';
import { codecs, decoder, encoder } from '../../lib/engine/codecs.ts';
import { engineKind, paramsKey } from '../../lib/engine/kind.ts';

describe('A kind of engines with parameters', () => {
  const brotli = encoder('br');

  it('is one for the same parameters, and reusable', () => {
    for (const codec of codecs.filter(({ probeParams }) => probeParams !== undefined)) {
      const kind = engineKind(codec, { params: { ...codec.probeParams } });
      expect(kind).to.include({ codec, reusable: true });
      expect(engineKind(codec, { params: { ...codec.probeParams } })).to.equal(kind);
      expect(engineKind(codec)).to.not.equal(kind);
    }
    expect(engineKind(brotli, { params: { 1: 4, 2: 20 } })).to.equal(engineKind(brotli, { params: { 2: 20, 1: 4 } }));
    expect(engineKind(brotli, { params: { 1: 4 } })).to.not.equal(engineKind(brotli, { params: { 1: 5 } }));
    expect(engineKind(brotli, { params: { 1: 2 } })).to.not.equal(engineKind(brotli, { params: { 2: 1 } }));
  });

  it('is not reusable for a decoder: a reset loses them', () => {
    for (const codec of codecs.filter(({ compresses, byZlib }) => !compresses && !byZlib)) {
      expect(engineKind(codec, { params: { 1: 1 } }).reusable).to.equal(false);
    }
    expect(engineKind(decoder('br')).reusable).to.equal(true);
  });

  it('is not reusable beside a dictionary or a stated length', () => {
    const params = { 1: 4 };
    expect(engineKind(brotli, { params, dictionary: Buffer.alloc(1) }).reusable).to.equal(false);
    expect(engineKind(brotli, { params, pledgedSrcSize: 1 }).reusable).to.equal(false);
  });

  it('is not reusable for unusual ones, which take memory or time to tell apart', () => {
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, 1]));
    const unusual = [many, { [`${'0'.repeat(20)}1`]: 1 }, { 1: '4' }, { 1: {} }] as unknown as Array<typeof many>;
    for (const params of unusual) {
      expect(paramsKey(params)).to.equal(undefined);
      expect(engineKind(brotli, { params }).reusable).to.equal(false);
      expect(engineKind(brotli, { params }).options.params).to.equal(params);
    }
  });

  it('is forgotten after many others', () => {
    const first = engineKind(brotli, { params: { 1: 4 } });
    for (let i = 0; i < 256; i++) engineKind(brotli, { params: { 1: i, 2: 11 } });
    expect(engineKind(brotli, { params: { 1: 4 } })).to.not.equal(first);
  });
});
