/** The output memory of writes in the threadpool: its lengths, and what becomes of it when it was handed out. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { Output } from '../../lib/driver/output.ts';

const KB = 1_024;
const MB = KB * KB;
const unlimited = Number.POSITIVE_INFINITY;

/** Fills a slab, and takes it. Returns its length. */
function fillOne(output: Output): number {
  const { length } = output.forOutput(0, unlimited, 0);
  output.take(length, false);
  return length;
}

describe('The output memory', () => {
  it('is a slab of 64 KB where no length is known', () => {
    for (const keepsUp of [false, true]) {
      const output = new Output(keepsUp);
      const memory = output.forOutput(0, unlimited, 100);
      expect([memory.length, output.room]).to.deep.equal([64 * KB, 64 * KB]);
      // The same slab, as nothing of it was handed out.
      expect(output.forOutput(0, unlimited, 100)).to.equal(memory);
    }
  });

  it('is as long as the output that is expected, and a byte, from 4 KB on', () => {
    const output = new Output(false);
    expect(output.forOutput(4_095, unlimited, 100)).to.have.length(64 * KB);
    output.take(64 * KB, true);
    for (const [expected, room] of [
      [4_096, 4_097],
      [64 * KB, 64 * KB + 1],
    ] as const) {
      const { length } = output.forOutput(expected, unlimited, 100);
      expect([length, output.room]).to.deep.equal([room, room]);
      output.take(room, false);
    }
    // The reader may be slow.
    expect(output.forOutput(64 * KB + 1, unlimited, 1 * MB)).to.have.length(64 * KB);
  });

  it('is up to 1 MB long for a reader that keeps up, if the input is a sixteenth of it', () => {
    const exactOf = (expected: number, inputLength: number): number =>
      new Output(true).forOutput(expected, unlimited, inputLength).length;
    expect(exactOf(1 * MB, 64 * KB)).to.equal(1 * MB + 1);
    expect(exactOf(1 * MB + 1, 1 * MB)).to.equal(256 * KB);
    expect(exactOf(1 * MB, 64 * KB - 1)).to.equal(256 * KB);
    expect(exactOf(16 * 20_000, 20_000)).to.equal(16 * 20_000 + 1);
    expect(exactOf(16 * 20_000 + 1, 20_000)).to.equal(256 * KB);
    expect(exactOf(256 * KB, 1)).to.equal(256 * KB + 1);
  });

  it('is never longer than the owner wants', () => {
    const output = new Output(true);
    output.forOutput(0, 1_000, 100);
    expect(output.room).to.equal(1_000);
    output.forOutput(50_000, 20_000, 100);
    expect(output.room).to.equal(20_000);
    output.forOutput(2 * MB, 30_000, 100);
    expect(output.room).to.equal(30_000);
  });

  it('doubles with each slab that a reader takes at once, up to 256 KB', () => {
    const output = new Output(true);
    expect([1, 2, 3, 4, 5].map(() => fillOne(output) / KB)).to.deep.equal([64, 128, 256, 256, 256]);
    const slow = new Output();
    expect([1, 2, 3].map(() => fillOne(slow) / KB)).to.deep.equal([64, 64, 64]);
  });

  it('grows once a reader has shown that it keeps up', () => {
    const output = new Output(false);
    fillOne(output);
    output.readerKeepsUp();
    output.readerKeepsUp();
    expect([1, 2, 3].map(() => fillOne(output) / KB)).to.deep.equal([128, 256, 256]);
  });

  it('grows for a reader that is back in the same turn, and begins small for one of a later turn', async () => {
    const output = new Output(true);
    fillOne(output);
    output.readerIsFull();
    expect(fillOne(output)).to.equal(128 * KB);
    output.readerIsBack();
    expect(fillOne(output)).to.equal(256 * KB);
    output.readerIsFull();
    await nextTurn();
    output.readerIsBack();
    expect([fillOne(output), fillOne(output)]).to.deep.equal([64 * KB, 64 * KB]);
  });

  it('hands a full slab out whole, a shorter output as a copy of its length, and writes to neither again', () => {
    const output = new Output(false);
    // Longer than a slab that another stream may have left.
    const memory = output.ofLength(100_000);
    memory.fill('a');
    const copy = output.take(99_998, true);
    expect(copy).to.have.length(99_998);
    expect(copy.buffer).not.to.equal(memory.buffer);
    expect(copy.buffer.byteLength).to.equal(99_998);
    // The memory was not handed out.
    expect(output.ofLength(100_000)).to.equal(memory);
    for (const [length, taken] of [
      [100_000, 99_999],
      [100_000, 100_000],
    ] as const) {
      const slab = output.ofLength(length);
      const chunk = output.take(taken, false);
      expect(chunk).to.have.length(taken);
      expect(chunk.buffer).to.equal(slab.buffer);
      expect(output.ofLength(length)).not.to.equal(slab);
    }
  });

  it('keeps up to 16 slabs that were not handed out for the next write of any stream', () => {
    const outputs = Array.from({ length: 20 }, () => new Output());
    // What other streams have left is in use now.
    const taken = outputs.map((output) => output.ofLength(64 * KB));
    for (const output of outputs) output.drop();
    const again = outputs.map((output) => output.ofLength(64 * KB));
    expect(again.filter((memory) => taken.includes(memory))).to.have.length(16);
    // Without memory it drops none.
    for (const output of outputs) output.take(64 * KB, false);
    for (const output of outputs) output.drop();
    const fresh = new Output().ofLength(64 * KB);
    expect(taken.includes(fresh) || again.includes(fresh)).to.equal(false);
  });

  it('keeps no memory of another length for others', () => {
    const one = new Output();
    const memory = one.ofLength(64 * KB + 1);
    one.drop();
    expect(new Output().ofLength(64 * KB + 1)).not.to.equal(memory);
    expect(one.ofLength(64 * KB + 1)).not.to.equal(memory);
    const short = new Output();
    const small = short.ofLength(1_000);
    short.drop();
    expect(new Output().ofLength(1_000)).not.to.equal(small);
  });

  it('fails with an error of zlib where there is not enough memory', () => {
    const output = new Output();
    for (const act of [() => output.exactly(2 ** 53), () => output.ofLength(2 ** 53)]) {
      expect(act).to.throw().with.property('code', 'ERR_BUFFER_TOO_LARGE');
    }
  });
});
