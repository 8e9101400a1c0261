/** The cursor, totals and limits of a driver: how much output a write may make. */
import { expect } from 'chai';
import { NOTHING, Transfer } from '../../lib/driver/transfer.ts';
import { decoder, encoder } from '../../lib/engine/codecs.ts';
import type { Engine } from '../../lib/engine/contract.ts';
import { type EngineKind, engineKind } from '../../lib/engine/kind.ts';
import type { Limits } from '../../lib/pool/options.ts';

const KB = 1_024;
const unlimited = Number.POSITIVE_INFINITY;
const gzip = engineKind(decoder('gzip'));
const deflate = engineKind(decoder('deflate'));
const deflating = engineKind(encoder('deflate'));

class OpenTransfer extends Transfer {
  override take(input: Buffer, isAll = false): void {
    super.take(input, isAll);
  }
  override drop(): void {
    super.drop();
  }
  roomOf(kind: EngineKind, expected: number, budget: number, isTry = false, keepsAll = false): number {
    return super.inlineRoom(kind, expected, budget, isTry, keepsAll);
  }
  /** Counts a write that has consumed and made so much. */
  wrote(used: number, made: number, kind = gzip, flush = 0): number {
    return this.count({ kind, availIn: this.left - used, availOut: 1 } as Engine, flush, made + 1);
  }
}

function transfer(limits: Limits = {}, chunkLength = 0): OpenTransfer {
  const none = { maxOutputLength: unlimited, maxRatio: unlimited, ratioFloorLength: 0 };
  return new OpenTransfer({ ...none, ...limits }, chunkLength);
}

/** A gzip message of so many bytes that claims so much output. */
function claiming(outputLength: number, inputLength: number): Buffer {
  const input = Buffer.alloc(inputLength);
  input.writeUInt32LE(outputLength, inputLength - 4);
  return input;
}

describe('The transfer', () => {
  it('counts what each write has consumed and made', () => {
    const it = transfer();
    it.take(Buffer.alloc(100));
    expect(it).to.include({ offset: 0, left: 100, inlineLength: 0, chunkRoom: 16 * KB });
    expect(it.wrote(30, 10_000)).to.equal(10_000);
    expect(it).to.include({ offset: 30, left: 70, inputLength: 30, outputLength: 10_000, chunkFilled: 10_000 });
    it.wrote(70, 10_000);
    expect(it).to.include({
      offset: 100,
      left: 0,
      inputLength: 100,
      outputLength: 20_000,
      chunkFilled: 20_000 - 16 * KB,
    });
    expect(it.chunkRoom).to.equal(32 * KB - 20_000);
    it.inlineLength = 5;
    it.take(Buffer.alloc(7));
    expect(it).to.include({ offset: 0, left: 7, inputLength: 100, inlineLength: 0 });
    it.drop();
    expect(it.input).to.equal(NOTHING);
    expect(NOTHING).to.have.length(0);
    it.restart();
    expect(it).to.include({ inputLength: 0, outputLength: 0 });
  });

  it('has a chunk as long as the caller wants it', () => {
    const it = transfer({}, 100);
    expect(it.chunkRoom).to.equal(100);
    it.take(Buffer.alloc(9));
    it.wrote(1, 30);
    expect(it.chunkRoom).to.equal(70);
  });

  it('limits the output to a byte over the limit', () => {
    const it = transfer({ maxOutputLength: 1_000 });
    it.take(Buffer.alloc(9));
    expect([it.limited(50), it.limited(5_000)]).to.deep.equal([50, 1_001]);
    it.wrote(1, 400);
    expect(it.limited(5_000)).to.equal(601);
    expect(it.excess).to.equal(undefined);
    it.wrote(1, 600);
    expect(it.excess).to.equal(undefined);
    it.wrote(1, 1);
    expect(it.excess).to.have.property('code', 'ERR_BUFFER_TOO_LARGE');
    it.flushed();
    expect(it.excess).to.equal(undefined);
    expect(it.limited(5_000)).to.equal(1_001);
    it.wrote(1, 10);
    expect(it.limited(5_000)).to.equal(991);
    it.restart();
    expect(it.limited(5_000)).to.equal(1_001);
  });

  it('limits the output by the ratio only where the input is all there is', () => {
    const limits = { maxRatio: 3, ratioFloorLength: 10 };
    const stream = transfer(limits);
    stream.take(Buffer.alloc(20));
    expect(stream.limited(1_000)).to.equal(1_000);
    stream.wrote(5, 15);
    expect(stream.excess).to.equal(undefined);
    stream.wrote(0, 1);
    expect(stream.excess).to.have.property('code', 'ERR_RATIO_TOO_HIGH');
    stream.flushed();
    stream.wrote(5, 15);
    expect(stream.excess).to.equal(undefined);
    stream.wrote(0, 1);
    expect(stream.excess).to.have.property('code', 'ERR_RATIO_TOO_HIGH');
    const message = transfer(limits);
    message.take(Buffer.alloc(20), true);
    expect(message.limited(1_000)).to.equal(61);
    // No Buffer is longer, whatever the ratio allows.
    const endless = transfer();
    endless.take(Buffer.alloc(20), true);
    expect(endless.limited(unlimited)).to.be.below(unlimited);
  });

  it('expects what a gzip message in one chunk claims, less what was made of it', () => {
    const it = transfer();
    it.take(claiming(5_000, 100));
    expect(it.expected(gzip)).to.equal(5_000);
    expect(it.expected(deflate)).to.equal(-1);
    it.wrote(50, 2_000);
    expect(it.expected(gzip)).to.equal(3_000);
    it.wrote(1, 4_000);
    expect(it.expected(gzip)).to.equal(0);
    // The second chunk of a message.
    it.take(claiming(5_000, 100));
    expect(it.expected(gzip)).to.equal(-1);
  });

  it('has room for all that is expected, if the input is a sixteenth of it', () => {
    const it = transfer();
    it.take(Buffer.alloc(40_000));
    expect(it.expectedRoom(640_000)).to.equal(640_001);
    // Less, where the claim is not plausible.
    expect(it.expectedRoom(640_001)).to.equal(256 * KB + 1);
    it.wrote(1, 100_000);
    expect(it.expectedRoom(540_000)).to.equal(540_001);
    expect(it.expectedRoom(540_001)).to.equal(400_001);
    expect(it.expectedRoom(300_000)).to.equal(300_001);
    const limited = transfer({ maxOutputLength: 1_000 });
    limited.take(Buffer.alloc(40_000));
    expect(limited.expectedRoom(5_000)).to.equal(1_001);
  });

  it('has room for a chunk of node:zlib on the main thread, and for less where the budget is less', () => {
    const it = transfer();
    it.take(Buffer.alloc(100));
    expect(it.roomOf(gzip, -1, 50_000)).to.equal(16 * KB);
    expect(it.roomOf(gzip, -1, 5_000)).to.equal(5_000);
    expect(it.roomOf(gzip, -1, 0)).to.equal(0);
    expect(it.roomOf(gzip, -1, -5)).to.equal(0);
    // A byte for the trailer.
    expect(it.roomOf(gzip, 5_000, 5_000)).to.equal(5_001);
    it.wrote(1, 10_000);
    expect(it.roomOf(gzip, -1, 50_000)).to.equal(16 * KB - 10_000);
  });

  it('has no room on the main thread for a part of a chunk that has to be whole', () => {
    const cut = transfer({}, 1_000);
    cut.take(Buffer.alloc(100));
    expect(cut.roomOf(gzip, -1, 1_000)).to.equal(1_000);
    expect(cut.roomOf(gzip, -1, 999)).to.equal(0);
    expect(cut.roomOf(gzip, 500, 998)).to.equal(0);
  });

  it('has room for a whole message at once', () => {
    const it = transfer();
    it.take(Buffer.alloc(100));
    expect(it.roomOf(gzip, 30_000, 65_536, true)).to.equal(30_001);
    expect(it.roomOf(gzip, -1, 65_536, true)).to.equal(65_536);
    expect(it.roomOf(gzip, 65_535, 65_536, true)).to.equal(65_536);
    expect(it.roomOf(gzip, 65_536, 65_536, true)).to.equal(65_536);
    // Not with a smaller window, nor in chunks of the caller's length.
    expect(it.roomOf(engineKind(decoder('gzip'), { windowBits: 9 }), 30_000, 65_536, true)).to.equal(16 * KB);
    expect(transfer({}, 2_000).roomOf(gzip, 30_000, 65_536, true)).to.equal(2_000);
  });

  it('has room for all output of an owner that keeps it, up to 64 KB and a byte', () => {
    const it = transfer();
    it.take(Buffer.alloc(100), true);
    expect(it.roomOf(gzip, 30_000, 65_536, false, true)).to.equal(30_001);
    expect(it.roomOf(gzip, 0, 200, false, true)).to.equal(201);
    expect(it.roomOf(gzip, -1, 65_536, false, true)).to.equal(65_536);
    expect(it.roomOf(gzip, -1, 100_000, false, true)).to.equal(65_537);
    expect(transfer({}, 2_000).roomOf(gzip, 30_000, 65_536, false, true)).to.equal(2_000);
  });

  it('has room for a whole message of an encoder, whose output does not depend on its pieces', () => {
    const it = transfer({}, 2_000);
    it.take(Buffer.alloc(100));
    expect(it.roomOf(deflating, -1, 65_536, true)).to.equal(65_536);
    expect(it.roomOf(deflating, -1, 65_536)).to.equal(2_000);
  });

  it('knows the input that an encoder may have kept back since its last flush', () => {
    const it = transfer();
    it.take(Buffer.alloc(1_000));
    it.wrote(300, 10, deflating);
    it.wrote(200, 0, deflating);
    expect(it.unflushedLength).to.equal(500);
    it.wrote(100, 50, deflating, 2);
    expect(it.unflushedLength).to.equal(0);
    it.wrote(100, 0, deflating);
    it.restart();
    expect(it.unflushedLength).to.equal(0);
    it.wrote(100, 0);
    expect(it.unflushedLength).to.equal(0);
  });
});
