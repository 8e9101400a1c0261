/**
 * Broken builds: named, plausible mistakes, one or two for each promise, on the seams between modules. Each is an edit to the
 * real sources, and names the spec that must catch it. An edit whose text is no longer there fails, so that no build is unbroken
 * by accident.
 */
import type { Format } from '../../lib/index.ts';

export interface Edit {
  /** Below lib/. */
  file: string;
  from: string;
  to: string;
}

export interface Variant {
  name: string;
  /** The spec that must catch it: its path below spec/, without its ending. */
  caughtBy: string;
  /** Runs only the tests with this in their titles, where the whole file takes long. Default: all. */
  grep?: string;
  edits: readonly Edit[];
  /** The format that Node must have for this to be a mistake. Default: none. */
  needs?: Format;
  /** The last major of Node on which it is a mistake. Default: each. */
  lastMajor?: number;
}

const stream = 'streams/zlib-stream.ts';
const driver = 'driver/driver.ts';
const lessee = 'driver/lessee.ts';

export const variants: readonly Variant[] = [
  {
    name: 'P1: an engine that is leased out while it is on lease',
    caughtBy: 'promises/p1-exclusive',
    edits: [{ file: 'pool/lease.ts', from: '    this.#engine = undefined;\n', to: '' }],
  },
  {
    name: 'P2: a release at end of file',
    caughtBy: 'promises/p2-close',
    edits: [
      {
        file: stream,
        from: '    // An aborted signal has destroyed the stream already: see `_destroy()`.',
        to: "    this.once('end', () => this.#driver.takeLease()?.release());",
      },
    ],
  },
  {
    name: 'P2: a release before close',
    caughtBy: 'promises/p2-close',
    edits: [
      { file: stream, from: '    callback(error);\n    if (lease', to: '    if (lease' },
      {
        file: stream,
        from: 'nextTick(afterClose, lease, clean, error);',
        to: 'afterClose(lease, clean, error);\n    callback(error);',
      },
    ],
  },
  {
    name: "P2: a writer released at 'finish'",
    caughtBy: 'promises/p2-close',
    grep: 'of a compressing stream',
    edits: [
      {
        file: stream,
        from: '    // An aborted signal has destroyed the stream already: see `_destroy()`.',
        to: "    this.once('finish', () => this.#driver.takeLease()?.release());",
      },
    ],
  },
  {
    name: 'P2: a release that does not wait for the native write',
    caughtBy: 'promises/p2-close',
    edits: [
      {
        file: lessee,
        from: "if (this.state === 'inFlight' || this.state === 'trying') this.state",
        to: 'if (false) this.state',
      },
    ],
  },
  {
    name: 'P3: a sealed stream whose reset() is silent',
    caughtBy: 'promises/p3-sealed',
    edits: [
      {
        file: stream,
        from: 'if (this.destroyed || this.#legacy?.isHandleGone) throw',
        to: 'if (this.#legacy?.isHandleGone) throw',
      },
    ],
  },
  {
    name: 'P4: a once-guard that lives on the engine',
    caughtBy: 'promises/p4-once',
    edits: [
      {
        file: 'pool/lease.ts',
        from: '    this.#home = home;\n',
        to: '    this.#home = home;\n    Object.assign(engine, { out: true });\n',
      },
      {
        file: 'pool/lease.ts',
        from: 'if (engine === undefined) throw',
        to: 'if (!(engine as never as { out: boolean }).out) throw',
      },
      {
        file: 'pool/lease.ts',
        from: '    this.#engine = undefined;\n',
        to: '    Object.assign(engine as Engine, { out: false });\n',
      },
      {
        file: 'pool/lease.ts',
        from: 'this.#home.takeBack(this, engine, clean, cause)',
        to: 'this.#home.takeBack(this, engine as Engine, clean, cause)',
      },
    ],
  },
  {
    name: 'P4: a second close that returns a writer twice',
    caughtBy: 'promises/p4-once',
    grep: 'closed again and again (compressing',
    edits: [
      { file: 'pool/lease.ts', from: '    this.#engine = undefined;\n', to: '' },
      {
        file: stream,
        from: '    if (lease !== undefined) nextTick(afterClose, lease, clean, error);',
        to: '    if (lease === undefined) return;\n    this.close = () => afterClose(lease, clean, error);\n    nextTick(this.close);',
      },
    ],
  },
  {
    name: 'P5: a skipped reset',
    caughtBy: 'promises/p5-clean',
    edits: [{ file: 'pool/pool.ts', from: '    engine.clean();\n', to: '' }],
  },
  {
    name: 'P5: a failed engine that is used again',
    caughtBy: 'promises/p5-clean',
    edits: [
      { file: 'pool/pool.ts', from: 'clean && (isWanted', to: '(isWanted' },
      { file: 'pool/pool.ts', from: '!engine.busy && (!engine.failed || engine.recoverable)', to: '!engine.busy' },
      { file: 'pool/pool.ts', from: 'return !engine.failed;', to: 'return true;' },
      {
        file: 'engine/native.ts',
        from: 'return reusable && codec.byZlib && ',
        to: 'return reusable && ',
      },
    ],
  },
  {
    name: 'P5: one shelf for all kinds of engines',
    caughtBy: 'promises/p5-clean',
    edits: [
      { file: 'pool/idle-engines.ts', from: 'this.#shelves.get(kind)', to: 'this.#shelves.values().next().value' },
      {
        file: 'pool/idle-engines.ts',
        from: 'this.#shelves.get(engine.kind)',
        to: 'this.#shelves.values().next().value',
      },
    ],
  },
  {
    name: 'P5: an encoder that loses its parameters',
    caughtBy: 'promises/p5-encoders',
    grep: 'parameters of an encoder',
    lastMajor: 24,
    edits: [{ file: 'engine/native.ts', from: 'this.restart(true);', to: 'this.restart();' }],
  },
  {
    name: "P5: an encoder that is set up anew with another one's parameters",
    caughtBy: 'promises/p5-encoders',
    grep: 'parameters of an encoder',
    edits: [{ file: 'engine/donor.ts', from: 'each.slice()', to: 'each' }],
  },
  {
    name: 'P5: parameters that are copied after a hook of the program has run',
    caughtBy: 'promises/p5-encoders',
    grep: 'an async hook',
    edits: [
      {
        file: 'engine/donor.ts',
        from: 'each === donor._writeState ? each : copies[i]',
        to: 'types.isUint32Array(each) && each !== donor._writeState ? each.slice() : each',
      },
    ],
  },
  {
    name: 'P8: parameters whose names run together',
    caughtBy: 'streams/settings',
    edits: [{ file: 'engine/kind.ts', from: '!isPlainName(name) || ', to: '' }],
  },
  {
    name: 'P8: synchronous functions of the public engine without their options',
    caughtBy: 'node-zlib/compress',
    edits: [{ file: 'streams/message.ts', from: '{ ...options, flush, finishFlush,', to: '{ flush, finishFlush,' }],
  },
  {
    name: 'P9: idle encoders with parameters that count as much as those with their memory',
    caughtBy: 'promises/p9-encoders',
    grep: 'idle encoders with parameters',
    needs: 'zstd',
    edits: [{ file: 'engine/codecs.ts', from: 'params === undefined ? 2_097_152 : 16_384', to: '2_097_152' }],
  },
  {
    name: 'P12: an encoder of Brotli that stops the main thread',
    caughtBy: 'driver/slow-encoders',
    edits: [{ file: 'engine/codecs.ts', from: 'const SLOW = 4_096', to: 'const SLOW = 64' }],
  },
  {
    name: 'P12: an encoder of Zstandard that stops the main thread',
    caughtBy: 'driver/slow-encoders',
    needs: 'zstd',
    edits: [{ file: 'engine/codecs.ts', from: 'const VERY_LONG = 2 ** 40', to: 'const VERY_LONG = 0' }],
  },
  {
    name: 'P12: a step that is alone, however long it takes',
    caughtBy: 'schedule/place',
    edits: [
      {
        file: 'schedule/place.ts',
        from: 'Math.max(limits.turnLength, limits.outputLength)',
        to: 'Number.POSITIVE_INFINITY',
      },
    ],
  },
  {
    name: 'P8: a reset before the first byte that keeps the parameters',
    caughtBy: 'promises/p5-encoders',
    grep: 'lost by a reset',
    lastMajor: 24,
    edits: [{ file: driver, from: "this.change = 'reset';", to: 'this.change = undefined;' }],
  },
  {
    name: 'P5: an encoder whose window is not overwritten',
    caughtBy: 'promises/p5-encoders',
    grep: 'is not read',
    edits: [{ file: 'engine/encoder.ts', from: 'if (this.#usedLength > 0) {', to: 'if (this.#usedLength < 0) {' }],
  },
  {
    name: 'P5: an encoder whose window is overwritten as far as its last message reached',
    caughtBy: 'promises/p5-encoders',
    grep: 'reset and went on',
    edits: [
      {
        file: 'engine/encoder.ts',
        from: 'this.#usedLength += inputLength - this.availIn;',
        to: 'this.#usedLength = inputLength - this.availIn;',
      },
    ],
  },
  {
    name: "P5: a reset that keeps the last owner's level",
    caughtBy: 'promises/p5-encoders',
    grep: 'params() of an earlier owner',
    edits: [
      {
        file: 'engine/encoder.ts',
        from: '    this.#isChanged = true;\n',
        to: '    Object.assign(this, { last: { level, strategy } });\n',
      },
      {
        file: 'engine/encoder.ts',
        from: '= this.kind.options;',
        to: '= (this as never as { last?: EngineKind["options"] }).last ?? this.kind.options;',
      },
    ],
  },
  {
    name: 'P5: output of an abandoned write in the next message',
    caughtBy: 'promises/p5-encoders',
    grep: 'left at any chunk',
    edits: [
      {
        file: 'engine/gzip-encoder.ts',
        from: '    this.#copy = undefined;\n    this.#pending = this.#header;\n',
        to: '    if (this.#pending.length === 0) this.#pending = this.#header;\n',
      },
    ],
  },
  {
    name: 'P5: an engine that is kept with the big window it has grown',
    caughtBy: 'promises/p5-clean',
    needs: 'zstd',
    edits: [{ file: 'pool/pool.ts', from: ' && !engine.oversized', to: '' }],
  },
  {
    name: 'P6: output in the scratch memory it was made in',
    caughtBy: 'promises/p6-memory',
    edits: [
      {
        file: 'engine/memory.ts',
        from: '  memory.copy(chunk, 0, 0, length);\n',
        to: '  if (length > 0) return memory.subarray(0, length);\n',
      },
    ],
  },
  {
    name: 'P6: a slab that is written to again after it was handed out',
    caughtBy: 'promises/p6-memory',
    edits: [{ file: 'driver/output.ts', from: '    this.#memory = NOTHING;\n    if (length', to: '    if (length' }],
  },
  {
    name: 'P7: events in the context of the engine',
    caughtBy: 'promises/p7-context',
    edits: [{ file: driver, from: 'runIn(this.context, this.#completed, this);', to: 'this.#completed();' }],
  },
  {
    name: "P7: engines made in the context of their first stream's creator",
    caughtBy: 'promises/p7-context',
    edits: [{ file: 'schedule/context.ts', from: 'return root.runInAsyncScope(make)', to: 'return make()' }],
  },
  {
    name: 'P8: a message that ended early and passes for whole',
    caughtBy: 'node-zlib/stock',
    edits: [
      { file: 'engine/native.ts', from: "outputLength <= firstLength && this.#code !== 'Z_BUF_ERROR'", to: 'true' },
    ],
  },
  {
    name: 'P8: a reset that does not forget that a message was whole',
    caughtBy: 'node-zlib/stock',
    edits: [{ file: driver, from: '    this.restart();\n    this.whole = undefined;\n', to: '    this.restart();\n' }],
  },
  {
    name: 'P8: bytes before an error that node:zlib does not give',
    caughtBy: 'streams/decompress',
    grep: 'length hint says',
    edits: [
      { file: 'engine/native.ts', from: '(outputLength - firstLength) % constants.Z_DEFAULT_CHUNK === 0', to: 'true' },
    ],
  },
  {
    name: "P8: an 'end' in the run of ticks of 'finish'",
    caughtBy: 'streams/event-order',
    edits: [
      { file: stream, from: 'enqueueNextRun(this.#driver.context', to: 'enqueueTick(this.#driver.context' },
      { file: stream, from: 'import { enqueueNextRun }', to: 'import { enqueueTick }' },
    ],
  },
  {
    name: 'P8: a signal that aborts a stream before it has fields',
    caughtBy: 'streams/event-order',
    edits: [{ file: stream, from: 'if (!(#driver in this)) {', to: 'if (false) {' }],
  },
  {
    name: 'P8: a limit that cuts the room of a Zstandard decoder',
    caughtBy: 'streams/zstd-frames',
    grep: 'shorter than its header states',
    needs: 'zstd',
    edits: [
      {
        file: 'driver/transfer.ts',
        from: 'return codec.compresses || isCutSensitive ? this.chunkRoom',
        to: 'return codec.compresses ? this.chunkRoom',
      },
    ],
  },
  {
    name: 'P8: a frame of Zstandard behind a full chunk that is ignored',
    caughtBy: 'streams/zstd-frames',
    needs: 'zstd',
    lastMajor: 24,
    edits: [
      {
        file: 'engine/contract.ts',
        from: 'return filled === 0 && made > 0 && inline',
        to: 'return made < filled && inline',
      },
    ],
  },
  {
    name: 'P9: an output limit that is off by one',
    caughtBy: 'pool/limits',
    edits: [
      {
        file: 'pool/options.ts',
        from: 'if (outputLength > maxOutputLength)',
        to: 'if (outputLength >= maxOutputLength)',
      },
    ],
  },
  {
    name: 'P9: limits that count from the start of a stream, whatever is flushed',
    caughtBy: 'pool/limits',
    edits: [{ file: stream, from: 'this.#driver.flushed();', to: '{}' }],
  },
  {
    name: 'P9: a length hint that reserves memory',
    caughtBy: 'promises/p9-bounded',
    edits: [
      {
        file: 'driver/transfer.ts',
        from: 'this.outputLength + expected <= EXACT_RATIO * this.input.length',
        to: 'true',
      },
    ],
  },
  {
    name: 'P9: long writes of Brotli that take a slot like short ones',
    caughtBy: 'promises/p9-encoders',
    grep: 'messages at once',
    edits: [{ file: 'engine/codecs.ts', from: '(inputLength <= 32_768 ? 1 : encodes.slots())', to: '1' }],
  },
  {
    name: 'P9: an idle pool without its byte bound',
    caughtBy: 'promises/p9-encoders',
    grep: 'maxIdleLength',
    edits: [
      {
        file: 'pool/idle-engines.ts',
        from: ' && this.#byteLength + idleLength <= this.#byteLimit',
        to: ' && idleLength <= this.#byteLimit',
      },
    ],
  },
  {
    name: 'P9: an evicted engine whose bytes still count',
    caughtBy: 'promises/p9-encoders',
    grep: 'frees its share of maxIdleLength',
    edits: [{ file: 'pool/idle-engines.ts', from: '      this.#byteLength -= engine.kind.idleLength;\n', to: '' }],
  },
  {
    name: 'P9: a queue that admits the last first',
    caughtBy: 'model',
    edits: [{ file: 'pool/wait-queue.ts', from: 'const first = this.#first;', to: 'const first = this.#last;' }],
  },
  {
    name: 'P9: a closed pool that leaves its waiters waiting',
    caughtBy: 'model',
    edits: [{ file: 'pool/pool.ts', from: '    this.#queue.refuseAll(this.#refusal);\n', to: '' }],
  },
  {
    name: 'P9: an aborted waiter that stays in the queue',
    caughtBy: 'model',
    edits: [{ file: lessee, from: '    this.#leaveQueue?.();\n', to: '' }],
  },
  {
    name: 'P9: a main thread that does not look at the expected length',
    caughtBy: 'schedule/place',
    edits: [{ file: 'schedule/place.ts', from: ' || expected > left', to: '' }],
  },
  {
    name: 'P9: a loop of flushes that starves timers',
    caughtBy: 'schedule/fairness',
    edits: [{ file: 'schedule/turn.ts', from: 'else emptySteps += 1;', to: '' }],
  },
  {
    name: 'P9: bad messages that are not counted to the turn',
    caughtBy: 'schedule/fairness',
    edits: [{ file: driver, from: 'turn.spend(Math.max(1, Math.min(room, USUAL_RATIO * left)));', to: '' }],
  },
  {
    name: 'P10: streams that hold each other up when a listener throws',
    caughtBy: 'promises/p10-contained',
    edits: [{ file: 'schedule/tick.ts', from: 'runIn(context, run, self)', to: 'context.runInAsyncScope(run, self)' }],
  },
  {
    name: 'P8: an encoder of Brotli that gets long input in one write',
    caughtBy: 'streams/encoder-cases',
    grep: 'length of a block',
    edits: [{ file: 'engine/codecs.ts', from: 'wholeLength: 16_383', to: 'wholeLength: 65_536' }],
  },
  {
    name: 'P8: settings that mix up the formats of two streams',
    caughtBy: 'streams/settings',
    edits: [{ file: 'streams/settings.ts', from: 'let key = names.create + params;', to: 'let key = params;' }],
  },
  {
    name: 'P10: a place in the threadpool that is lost with an exception',
    caughtBy: 'schedule/threadpool',
    edits: [
      {
        file: 'schedule/threadpool.ts',
        from: '    try {\n      this.#run.call(this.#self);\n    } finally {\n      threadpool.completed(this.slots);\n    }',
        to: '    this.#run.call(this.#self);\n    threadpool.completed(this.slots);',
      },
    ],
  },
  {
    name: 'P10: an engine that is lost when a listener throws',
    caughtBy: 'promises/p10-contained',
    edits: [
      { file: stream, from: 'if (givingOutput.has(event)) this.destroy();', to: '' },
      { file: stream, from: 'throwLater(error);\n    this.destroy();', to: 'throw error;' },
    ],
  },
  {
    name: 'P11: a lease that is announced before its stream has it',
    caughtBy: 'observe/channels',
    edits: [
      {
        file: 'pool/pool.ts',
        from: '    this.#live.add(lease, stack);\n',
        to: '    this.#live.add(lease, stack);\n    this.announce(lease);\n',
      },
    ],
  },
  {
    name: 'P11: an event of a lease that ends before the numbers tell of it',
    caughtBy: 'model',
    edits: [
      {
        file: 'pool/pool.ts',
        from: '    this.#leased -= 1;\n    let failure = cause;',
        to: '    let failure = cause;',
      },
      {
        file: 'pool/pool.ts',
        from: 'this.#oneIsBack();\n  }',
        to: 'this.#leased -= 1;\n    this.#oneIsBack();\n  }',
      },
    ],
  },
  {
    name: 'P11: a finalizer that holds its own target',
    caughtBy: 'pool/lease-tracker',
    edits: [
      {
        file: 'pool/lease-tracker.ts',
        from: 'lease: new WeakRef(lease)',
        to: 'lease: { deref: () => lease } as never',
      },
    ],
  },
  {
    name: 'a turn that ends by the setImmediate of a fake clock',
    caughtBy: 'schedule/clock',
    edits: [
      {
        file: 'schedule/clock.ts',
        from: 'export const { setImmediate } = timers;',
        to: 'export const setImmediate = ((...args: never[]) => timers.setImmediate(...args)) as typeof timers.setImmediate;',
      },
    ],
  },
  {
    name: 'bytes of this realm and of one type only',
    caughtBy: 'validate',
    edits: [
      { file: 'validate.ts', from: 'if (ArrayBuffer.isView(value)) {', to: 'if (value instanceof Uint8Array) {' },
    ],
  },
];
