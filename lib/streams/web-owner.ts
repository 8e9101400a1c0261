/**
 * The owner of the engine of a web stream. It emits each piece of output at once and keeps none.
 */
import { AsyncResource } from 'node:async_hooks';
import { Driver } from '../driver/driver.ts';
import type { Owner } from '../driver/owner.ts';
import type { Codec } from '../engine/codec.ts';
import { withShortStack } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import type { Pool } from '../pool/pool.ts';
import { limitsOf, streamSettings } from './settings.ts';

export class WebOwner implements Owner {
  bytesWritten = 0;
  readonly entry: string;
  /** Whether the data has ended before its input. The engine ignores any bytes after the data. */
  ended = false;
  readonly #driver: Driver;
  readonly #output: (chunk: Buffer) => boolean;
  readonly #failed: (error: Error) => void;
  #whenConsumed: (() => void) | undefined;
  #isOver = false;

  /**
   * @param entry - name of the class that the caller has used, see `LeaseOwner`
   * @param output - takes a piece of output, and returns whether more is wanted
   * @param failed - called once, unless `end()` is called before
   * @param below - the function whose callers a leak report names
   */
  constructor(
    pool: Pool,
    entry: string,
    codec: Codec,
    maxOutputLength: number | undefined,
    output: (chunk: Buffer) => boolean,
    failed: (error: Error) => void,
    below: (...args: never) => unknown,
  ) {
    const settings = streamSettings(codec, maxOutputLength === undefined ? undefined : { maxOutputLength });
    this.entry = entry;
    this.#output = output;
    this.#failed = failed;
    const origin = originOf(pool.settings.leakDetection, below);
    this.#driver = new Driver(this, pool, new AsyncResource('ZLIB'), settings, limitsOf(pool, settings), origin);
  }

  get keepsAll(): boolean {
    return false;
  }

  get isSpaced(): boolean {
    return false;
  }

  /**
   * Converts the bytes, and calls back when all output was emitted. It does not call back if
   * `end()` is called meanwhile. After the end it calls back at once.
   */
  convert(bytes: Buffer, flush: number, callback: () => void): void {
    if (this.#isOver) {
      callback();
      return;
    }
    this.#whenConsumed = callback;
    this.#driver.begin(bytes, flush);
  }

  /** Resumes after an `output` that wanted no more. */
  resume(): void {
    this.#driver.resume();
  }

  /** Returns the engine to the pool once no native write is in flight. */
  end(): void {
    this.#end(undefined);
  }

  /** Fails the stream. The pool calls it when the pool is destroyed. */
  destroy(error: Error): void {
    if (this.#isOver) return;
    this.#end(error);
    this.#failed(error);
  }

  isWhole(): boolean {
    return false;
  }

  keepsUp(hasTaken: boolean): boolean {
    return hasTaken;
  }

  onOutput(chunk: Buffer): boolean {
    return this.#output(chunk);
  }

  onConsumed(trailing: number): void {
    if (trailing > 0) this.ended = true;
    const callback = this.#whenConsumed as () => void;
    this.#whenConsumed = undefined;
    callback();
  }

  onError(error: Error | undefined): void {
    this.destroy(error ?? (withShortStack(() => this.#driver.failure) as Error));
  }

  onStopped(): void {
    this.#driver.takeLease()?.discard();
  }

  #end(error: Error | undefined): void {
    this.#isOver = true;
    const isClean = error === undefined || error === this.#driver.failure;
    if (!this.#driver.stop()) return;
    const lease = this.#driver.takeLease();
    if (isClean) lease?.release();
    else lease?.discard(error);
  }
}
