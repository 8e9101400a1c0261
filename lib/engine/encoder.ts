/**
 * Native encoders. A deflate engine that is only reset leaks its last owner's data: zlib hashes
 * four bytes at each position, and at the last three bytes of a message the fourth is a byte that
 * an earlier message has left in the window. It decides whether a match is found, and so the length
 * of the output. So `clean()` overwrites the window (promise P5). The encoders of Brotli and
 * Zstandard keep nothing over a reset.
 */
import { constants } from './builtin-zlib.ts';
import type { Codec } from './codec.ts';
import type { WholeWrite } from './contract.ts';
import type { EngineKind } from './kind.ts';
import { NativeEngine } from './native.ts';

const { Z_DEFAULT_COMPRESSION, Z_NO_FLUSH, Z_RLE } = constants;

const NOTHING = Buffer.alloc(0);
/** Room for output that is dropped: that of 64 KB of zeros, or a part of a frame. */
const dropped = Buffer.alloc(16_384);

/** Encoder of Brotli or Zstandard, and base of the others. */
export class NativeEncoder extends NativeEngine {
  /**
   * True after a reset that was refused, which has changed nothing. The other errors of an encoder
   * are those of misuse and of missing memory.
   */
  override get recoverable(): boolean {
    return this.failure?.code === 'ERR_ZLIB_INCOMPLETE_FRAME';
  }

  override settleWhole(): WholeWrite {
    if (this.failed) return 'failed';
    return this.availOut > 0 ? 'whole' : 'part';
  }

  /** Ends a frame of Zstandard if the Node refuses a reset before its end, as from 26.12 on. */
  override clean(): void {
    super.clean();
    if (!this.failed) return;
    this.failed = false;
    do {
      this.handle.writeSync(this.kind.codec.finishFlush, NOTHING, 0, 0, dropped, 0, dropped.length);
    } while (this.availOut === 0 && !this.failed);
    super.restart();
  }
}

/**
 * Length of zlib's largest window: twice 32 KB. It bounds the bytes that an owner can leave there.
 */
const WINDOW_LENGTH = 65_536;
const zeros = Buffer.alloc(WINDOW_LENGTH);

/** Encoder of zlib's formats. */
export class Deflater extends NativeEncoder {
  /** Most bytes that the owners since the last `clean()` have left in the window. */
  #usedLength = 0;
  /** Whether level or strategy are not those of the kind. */
  #isChanged = false;

  /** @param codec - see `NativeEngine` */
  constructor(kind: EngineKind, codec: Codec = kind.codec) {
    super(kind, codec);
  }

  protected override count(inputLength: number, outputLength: number): void {
    super.count(inputLength, outputLength);
    this.#usedLength += inputLength - this.availIn;
  }

  override params(level: number, strategy: number): void {
    if (this.busy) throw new Error('A write is in progress');
    this.handle.params(level, strategy);
    this.#isChanged = true;
  }

  /**
   * Overwrites the window with zeros. Run-length encoding makes long matches without a search,
   * which costs a third of the time.
   */
  override clean(): void {
    this.restart();
    const { level = Z_DEFAULT_COMPRESSION, strategy = 0 } = this.kind.options;
    if (this.#usedLength > 0) {
      // Level 0 has no strategy.
      this.handle.params(level || Z_DEFAULT_COMPRESSION, Z_RLE);
      const length = Math.min(this.#usedLength, WINDOW_LENGTH);
      this.handle.writeSync(Z_NO_FLUSH, zeros, 0, length, dropped, 0, dropped.length);
      this.handle.reset();
    }
    if (this.#usedLength > 0 || this.#isChanged) this.handle.params(level, strategy);
    this.#usedLength = 0;
    this.#isChanged = false;
  }
}
