/** Where a frame of Zstandard ends. It needs no engine, so that it is looked at on Nodes without one, too. */
import * as zlib from 'node:zlib';
import { expect } from 'chai';
import { ZstdFrame } from '../../lib/framing/zstd-frame.ts';

/** By hand, by RFC 8878, section 3.1. */
const frames: ReadonlyArray<readonly [name: string, hex: string, plain: string]> = [
  ['a raw block', '28b52ffd 20 05 290000 68656c6c6f', 'hello'],
  [
    'a compressed block and a checksum',
    '28b52ffd 64 1c01 6d0000 3068656c6c6f20010013529522 d1479ae0',
    'hello '.repeat(90),
  ],
  ['an RLE block', '28b52ffd 20 05 2b0000 61', 'aaaaa'],
  ['two blocks', '28b52ffd 20 05 100000 6865 190000 6c6c6f', 'hello'],
  ['a window, and no content size', '28b52ffd 00 58 290000 68656c6c6f', 'hello'],
  ['nothing for who reads it', '502a4d18 03000000 616263', ''],
];

const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: (data: Buffer) => Buffer };

describe('ZstdFrame', () => {
  for (const [name, hex, plain] of frames) {
    const data = Buffer.from(hex.replaceAll(' ', ''), 'hex');

    it(`ends with the last byte of a frame, however it is cut: ${name}`, () => {
      if (zstdDecompressSync !== undefined) expect(zstdDecompressSync(data).toString()).to.equal(plain);
      const whole = new ZstdFrame();
      expect(whole.data(Buffer.concat([data, Buffer.from('more')]))).to.deep.equal([0, data.length]);
      expect(whole.ended).to.equal(true);
      for (const length of [1, 2, 3, 5]) {
        const cut = new ZstdFrame();
        for (let at = 0; at < data.length; at += length) {
          expect(cut.ended, `${at} of ${data.length}`).to.equal(false);
          const piece = data.subarray(at, at + length);
          expect(cut.data(piece)).to.deep.equal([0, piece.length]);
        }
        expect(cut.ended).to.equal(true);
      }
    });
  }

  it('leaves to the engine what is no frame, all of it', () => {
    const frame = new ZstdFrame();
    const data = Buffer.from('neither one nor the other');
    expect(frame.data(data)).to.deep.equal([0, data.length]);
    expect(frame.data(data)).to.deep.equal([0, data.length]);
    expect(frame.ended).to.equal(false);
  });

  it('has no trailer of its own', () => {
    const frame = new ZstdFrame();
    frame.made();
    expect(frame.trailer()).to.equal(0);
  });
});
