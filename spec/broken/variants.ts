/**
 * Broken variants of the library: plausible mistakes, each as edits to the real sources. `broken.spec.ts` runs the
 * specs over each and expects them to fail. Those of what is around streams and pools are in `surroundings.ts`. An edit
 * whose text is no longer there fails loudly: a variant can't rot into one that breaks nothing.
 */

import type { Format } from '../../lib/index.ts';

export interface Edit {
  file: string;
  from: string;
  to: string;
}

export interface Variant {
  name: string;
  /** The spec files that are to catch it, below spec/ and without their endings. */
  caughtBy: readonly string[];
  /** Runs only the tests with this in their titles, where the whole file takes long. Default: all. */
  grep?: string;
  edits: readonly Edit[];
  /** A mistake that can only be made where Node has this format. */
  needs?: Format;
  /** The last major of Node on which it is a mistake. Default: each. */
  lastMajor?: number;
}

const stream = 'decompress-stream.ts';

export const variants: readonly Variant[] = [
  {
    name: 'async resources of a type that jest takes for open handles',
    caughtBy: ['promises/p7-context'],
    edits: [{ file: stream, from: "new AsyncResource('ZLIB')", to: "new AsyncResource('ZLEASE')" }],
  },
  {
    name: 'a refusal that takes each stream for one without work',
    caughtBy: ['promises/p9-bounded'],
    edits: [
      {
        file: 'pool.ts',
        from: 'return writableLength === 0 || readableLength >= readableHighWaterMark;',
        to: 'return writableLength >= 0 || readableLength >= readableHighWaterMark;',
      },
    ],
  },
  {
    name: 'a pool that releases at end',
    caughtBy: ['promises/p1-exclusive', 'promises/p2-close', 'model'],
    edits: [
      {
        file: stream,
        from: 'super(transformOptions(options));',
        to: `super(transformOptions(options));
    this.once('end', () => {
      if (this.#lease === undefined || this.#lease.released) return;
      this.#kept = engineOf(this.#lease);
      this.#lease.release();
    });`,
      },
      {
        file: stream,
        from: '  #done: TransformCallback',
        to: '  #kept: Engine | undefined;\n  #done: TransformCallback',
      },
      { file: stream, from: 'engineOf(this.#lease)', to: '(this.#kept ?? engineOf(this.#lease))' },
      { file: stream, from: 'engineOf(this.#lease as Lease)', to: '(this.#kept ?? engineOf(this.#lease as Lease))' },
      {
        file: stream,
        from: 'if (clean) lease.release();',
        to: 'if (lease.released) {}\n  else if (clean) lease.release();',
      },
    ],
  },
  {
    name: 'a release that comes before close',
    caughtBy: ['promises/p2-close', 'model'],
    edits: [
      {
        file: stream,
        from: 'nextTick(afterClose, lease, clean, error)',
        to: 'afterClose(lease, clean, error)',
      },
    ],
  },
  {
    name: 'a release that waits for a listener of close',
    caughtBy: ['promises/p2-close', 'model'],
    edits: [
      {
        file: stream,
        from: 'nextTick(afterClose, lease, clean, error)',
        to: "this.once('close', () => afterClose(lease, clean, error))",
      },
    ],
  },
  {
    name: 'a release that does not wait for the native write',
    caughtBy: ['promises/p2-close', 'model'],
    edits: [
      {
        file: stream,
        from: "if (this.#phase === 'inFlight') this.#heldDestroy",
        to: 'if (error === undefined) this.#heldDestroy',
      },
      {
        file: stream,
        from: '    if (this.#heldDestroy !== undefined) {',
        to: "    if (this.#phase === 'sealed') return;\n    if (this.#heldDestroy !== undefined) {",
      },
    ],
  },
  {
    name: 'a release that does not wait for the native write, on a pool that does not look',
    caughtBy: ['promises/p1-exclusive', 'model'],
    edits: [
      {
        file: stream,
        from: "if (this.#phase === 'inFlight') this.#heldDestroy",
        to: 'if (error === undefined) this.#heldDestroy',
      },
      {
        file: stream,
        from: '    if (this.#heldDestroy !== undefined) {',
        to: "    if (this.#phase === 'sealed') return;\n    if (this.#heldDestroy !== undefined) {",
      },
      { file: 'pool.ts', from: 'engine.busy || ', to: '' },
      {
        file: 'native-engine.ts',
        from: "    if (this.busy) throw new Error('Cannot reset",
        to: "    if (this.#closed) throw new Error('Cannot reset",
      },
      { file: 'native-engine.ts', from: "    if (this.busy) throw new Error('A write is in progress');\n", to: '' },
      {
        file: 'public-engine.ts',
        from: "    if (this.busy) throw new Error('Cannot reset",
        to: "    if (this.#closed) throw new Error('Cannot reset",
      },
    ],
  },
  {
    name: 'a lease without its once-guard',
    caughtBy: ['promises/p1-exclusive', 'promises/p4-once', 'model'],
    edits: [{ file: 'lease.ts', from: '    this.#engine = undefined;\n', to: '' }],
  },
  {
    name: 'a once-guard that lives on the engine',
    caughtBy: ['promises/p4-once', 'model'],
    edits: [
      {
        file: 'lease.ts',
        from: '    this.#giveBack = giveBack;\n',
        to: '    this.#giveBack = giveBack;\n    Object.assign(engine, { out: true });\n',
      },
      {
        file: 'lease.ts',
        from: 'if (engine === undefined) throw',
        to: 'if (!(engine as never as { out: boolean }).out) throw',
      },
      {
        file: 'lease.ts',
        from: '    this.#engine = undefined;\n',
        to: '    Object.assign(engine as Engine, { out: false });\n',
      },
      {
        file: 'lease.ts',
        from: 'this.#giveBack(this, engine, clean, cause)',
        to: 'this.#giveBack(this, engine as Engine, clean, cause)',
      },
    ],
  },
  {
    name: 'a skipped reset',
    caughtBy: ['promises/p1-exclusive', 'promises/p5-clean', 'model'],
    edits: [{ file: 'pool.ts', from: '    engine.reset();\n', to: '' }],
  },
  {
    name: 'a failed engine that is used again',
    caughtBy: ['promises/p5-clean', 'promises/p10-contained', 'model'],
    edits: [
      { file: 'pool.ts', from: 'clean && isAsNew(engine)', to: 'isAsNew(engine)' },
      { file: 'pool.ts', from: 'engine.busy || (engine.failed && !engine.recoverable)', to: 'engine.busy' },
      { file: 'pool.ts', from: 'return !engine.failed;', to: 'return true;' },
      {
        file: 'native-engine.ts',
        from: 'return reusable && formatTraits(format).byZlib && ',
        to: 'return reusable && ',
      },
    ],
  },
  {
    name: 'an engine that is closed after bad data, though a reset makes it as new',
    caughtBy: ['deep/recovery', 'promises/p5-clean', 'model'],
    edits: [{ file: 'pool.ts', from: '(engine.failed && !engine.recoverable)', to: 'engine.failed' }],
  },
  {
    name: 'a failed engine that is handed on before its handle has ended the write',
    caughtBy: ['deep/recovery'],
    edits: [{ file: 'native-engine.ts', from: 'setImmediate(finishLate, this)', to: 'finishLate(this)' }],
  },
  {
    name: 'one shelf for all kinds of engines',
    caughtBy: ['promises/p5-clean', 'model'],
    edits: [
      { file: 'idle-engines.ts', from: 'this.#shelves.get(kind)', to: 'this.#shelves.values().next().value' },
      { file: 'idle-engines.ts', from: 'this.#shelves.get(engine.kind)', to: 'this.#shelves.values().next().value' },
    ],
  },
  {
    name: 'output handed out in the scratch memory it was made in',
    caughtBy: ['promises/p6-memory'],
    edits: [
      {
        file: 'slab.ts',
        from: '  memory.copy(chunk, 0, 0, length);\n',
        to: '  if (length > 0) return memory.subarray(0, length);\n',
      },
    ],
  },
  {
    name: 'a slab that is written to again after it was handed out',
    caughtBy: ['promises/p6-memory'],
    edits: [{ file: 'slab.ts', from: '    this.#memory = NOTHING;\n    if (length', to: '    if (length' }],
  },
  {
    name: "every small chunk in Node's Buffer pool",
    caughtBy: ['promises/p6-memory'],
    edits: [{ file: 'slab.ts', from: 'isFirst && length < EXACT_FROM', to: 'length < EXACT_FROM' }],
  },
  {
    name: 'events in the context of whoever wrote',
    caughtBy: ['promises/p7-context'],
    edits: [{ file: 'tick-queue.ts', from: 'runIn(context, run, self)', to: 'run.call(self)' }],
  },
  {
    name: 'a tick queue that keeps whom it served',
    caughtBy: ['promises/p7-context'],
    edits: [{ file: 'tick-queue.ts', from: '    tasks[next + 2] = undefined;\n', to: '' }],
  },
  {
    name: 'a message that ended early taken for a whole one',
    caughtBy: ['stock'],
    edits: [{ file: 'native-engine.ts', from: "return 'undone';", to: "return 'whole';" }],
  },
  {
    name: 'a message that was tried as a whole and is not tried again',
    caughtBy: ['stock'],
    edits: [
      {
        file: 'native-engine.ts',
        from: "    this.reset();\n    return 'undone';",
        to: "    return 'failed';",
      },
    ],
  },
  {
    name: 'a bad message, tried as a whole, of which nothing is handed out',
    caughtBy: ['decompress-stream'],
    edits: [
      {
        file: 'native-engine.ts',
        from: 'outputLength <= firstLength && ',
        to: '',
      },
    ],
  },
  {
    name: 'a whole message in one piece, whatever its window',
    caughtBy: ['decompress-stream'],
    edits: [{ file: stream, from: ' && hasFullWindow(engine)', to: '' }],
  },
  {
    name: 'a whole message in one piece, whatever its chunkSize',
    caughtBy: ['decompress-stream'],
    edits: [{ file: stream, from: 'mayBeWhole && this.#settings.chunkLength === 0 &&', to: 'mayBeWhole &&' }],
  },
  {
    name: 'a try that failed not counted to the turn',
    caughtBy: ['decompress-stream'],
    edits: [{ file: stream, from: 'turn.spend(Math.min(room, USUAL_RATIO * this.#chunk.length));', to: '' }],
  },
  {
    name: 'a short message that fails and counts as the longest',
    caughtBy: ['decompress-stream'],
    edits: [{ file: stream, from: 'Math.min(room, USUAL_RATIO * this.#chunk.length)', to: 'room' }],
  },
  {
    name: 'the rest of a message taken for a whole one after a reset',
    caughtBy: ['stock'],
    grep: 'takes a reset()',
    edits: [{ file: stream, from: '      this.#offset === 0 &&\n', to: '' }],
  },
  {
    name: 'a reset that does not forget that a message was whole',
    caughtBy: ['stock'],
    grep: 'takes a reset()',
    edits: [{ file: stream, from: '    this.#wholeWrite = undefined;\n', to: '' }],
  },
  {
    name: "engines made in the context of their first stream's creator",
    caughtBy: ['promises/p7-context'],
    edits: [{ file: 'context.ts', from: 'return root.runInAsyncScope(make)', to: 'return make()' }],
  },
  {
    name: 'streams that hold each other up when a listener throws',
    caughtBy: ['promises/p10-contained', 'model'],
    edits: [{ file: 'tick-queue.ts', from: 'runIn(context, run, self)', to: 'context.runInAsyncScope(run, self)' }],
  },
  {
    name: 'an output limit that is off by one',
    caughtBy: ['promises/p10-contained', 'message', 'limits'],
    edits: [
      {
        file: 'pool-options.ts',
        from: 'if (outputLength > maxOutputLength)',
        to: 'if (outputLength >= maxOutputLength)',
      },
    ],
  },
  {
    name: 'a ratio that is looked at from the first byte on',
    caughtBy: ['limits'],
    edits: [{ file: 'pool-options.ts', from: 'outputLength > ratioFloorLength && ', to: '' }],
  },
  {
    name: 'limits that count from the start of a stream, whatever is flushed',
    caughtBy: ['limits'],
    edits: [{ file: stream, from: '      this.#flushedOutput = this.#outputLength;\n', to: '' }],
  },
  {
    name: 'a limit that body-parser takes for a bad request',
    caughtBy: ['install'],
    edits: [{ file: 'errors.ts', from: '{ status: 413, statusCode: 413 } as const', to: '{} as LimitError' }],
  },
  {
    name: 'a length hint that is believed',
    caughtBy: ['promises/p9-bounded'],
    edits: [{ file: 'passage.ts', from: 'const isPlausible = ', to: 'const isPlausible = this.expected > 0 || ' }],
  },
  {
    name: 'a chunk of 4 GB that reaches an engine',
    caughtBy: ['promises/p9-bounded'],
    edits: [
      { file: 'engine.ts', from: '  if (inputEnd > MAX_WRITE_LENGTH) return tooLarge(MAX_WRITE_LENGTH);\n', to: '' },
      { file: 'engine.ts', from: '    inputLength >>> 0 !== inputLength ||\n', to: '' },
      { file: 'engine.ts', from: ' ||\n    inputOffset + inputLength > MAX_WRITE_LENGTH', to: '' },
    ],
  },
  {
    name: 'memory of its exact length for a reader that does not read',
    caughtBy: ['promises/p9-bounded'],
    edits: [{ file: stream, from: 'new Slab(readsAll(this.relay ?? this))', to: 'new Slab(true)' }],
  },
  {
    name: 'a new chunk of the chunkSize for each write',
    caughtBy: ['promises/p6-memory'],
    edits: [{ file: stream, from: 'if (this.#settings.chunkLength <= FIRST_LENGTH) ', to: '' }],
  },
  {
    name: 'a sealed stream that still knows its engine',
    caughtBy: ['promises/p3-sealed', 'model'],
    edits: [
      { file: stream, from: "if (this.destroyed || this.#isHandleGone) throw codedError('ERR_LEASE_SEALED');", to: '' },
      { file: stream, from: '    this.#lease = undefined;\n', to: '' },
      { file: 'lease.ts', from: '    this.#engine = undefined;\n', to: '' },
    ],
  },
  {
    name: 'a finalizer that holds its own target',
    caughtBy: ['live-leases', 'model'],
    edits: [
      { file: 'live-leases.ts', from: 'lease: new WeakRef(lease)', to: 'lease: { deref: () => lease } as never' },
    ],
  },
  {
    name: 'an engine that leads back to the stream it served',
    caughtBy: ['live-leases', 'model'],
    edits: [{ file: 'native-engine.ts', from: '    this.#writing = undefined;\n', to: '' }],
  },
  {
    name: 'unzip engines that are not kept apart by what they have decoded',
    caughtBy: ['promises/p5-clean', 'model'],
    edits: [
      {
        file: 'formats.ts',
        from: 'if (input[0] !== GZIP_ID1) return detected.deflate;',
        to: 'if (input[0] !== GZIP_ID1) return detected.gzip;',
      },
    ],
  },
  {
    name: 'engines with parameters that a reset loses, used again',
    caughtBy: ['promises/p5-clean', 'model'],
    edits: [{ file: 'formats.ts', from: 'Object.values(rest).some((value) => value !== undefined)', to: 'false' }],
  },
  {
    name: 'an engine that is kept with the big window it has grown',
    caughtBy: ['promises/p5-clean', 'model'],
    needs: 'zstd',
    edits: [{ file: 'pool.ts', from: ' && !engine.oversized', to: '' }],
  },
  {
    name: 'a last write that is not told to finish',
    caughtBy: ['fuzz'],
    edits: [{ file: stream, from: 'flag = strongerFlush(flag, this.#settings.finishFlush);', to: '' }],
  },
  {
    name: 'bytesWritten that counts what was left over',
    caughtBy: ['fuzz'],
    edits: [{ file: stream, from: 'this.bytesWritten += used;', to: 'this.bytesWritten += used + availIn;' }],
  },
  {
    name: 'an undo that takes away what somebody else has put there',
    caughtBy: ['install'],
    edits: [{ file: 'install.ts', from: '?.value === swap.pooled', to: '?.value !== undefined' }],
  },
  {
    name: 'an undo that puts back what another copy has given up',
    caughtBy: ['install'],
    edits: [{ file: 'install.ts', from: 'stillInUse(swap.found)', to: 'swap.found' }],
  },
  {
    name: 'an error in the turn of its write',
    caughtBy: ['decompress-stream'],
    edits: [
      {
        file: stream,
        from: 'this.#context.runInAsyncScope(setImmediate, undefined, () => {',
        to: 'this.#context.runInAsyncScope(queueMicrotask, undefined, () => {',
      },
    ],
  },
  {
    name: 'a message that gives its engine back during a write',
    caughtBy: ['message', 'model'],
    edits: [{ file: 'message.ts', from: ' && !engineOf(this.#lease).busy) this.#giveUp', to: ') this.#giveUp' }],
  },
  {
    name: 'a message whose bytes stay in the memory of a longer one',
    caughtBy: ['decompress-stream'],
    edits: [{ file: 'slab.ts', from: 'memory === scratch || length < memory.length - 1', to: 'memory === scratch' }],
  },
  {
    name: 'an old way in that is not sealed',
    caughtBy: ['stock-shape'],
    edits: [
      {
        file: stream,
        from: "if (this.#phase === 'sealed' || this.#isHandleGone) {\n      nextTick(callback);",
        to: 'if (this.#offset < 0) {\n      nextTick(callback);',
      },
      { file: stream, from: "if (this.#phase !== 'idle') throw", to: 'if (this.#offset < 0) throw' },
    ],
  },
  {
    name: 'a waiter that stays in the queue when its stream is destroyed',
    caughtBy: ['model'],
    edits: [{ file: stream, from: '    this.#leaveQueue?.();\n', to: '' }],
  },
  {
    name: 'an aborted lease() that stays in the queue',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: '        leave();\n        reject', to: '        reject' }],
  },
  {
    name: 'an aborted message that stays in the queue',
    caughtBy: ['model'],
    edits: [{ file: 'message.ts', from: '    this.#leaveQueue?.();\n', to: '' }],
  },
  {
    name: 'a newcomer that overtakes the queue',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: 'maxLeased || this.#queue.length > 0)', to: 'maxLeased)' }],
  },
  {
    name: 'a queue that lets in the last first',
    caughtBy: ['model'],
    edits: [{ file: 'wait-queue.ts', from: 'const first = this.#first;', to: 'const first = this.#last;' }],
  },
  {
    name: 'a place in the pool that is not given on after a discard',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: '    this.#oneIsBack();\n  };', to: '    if (proven) this.#oneIsBack();\n  };' }],
  },
  {
    name: 'a place in the pool that is lost with its lease',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: '    this.#oneIsBack();\n    if (holder', to: '    if (holder' }],
  },
  {
    name: 'a lost lease that is not counted down',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: 'LostLease): void {\n    this.#leased -= 1;', to: 'LostLease): void {' }],
  },
  {
    name: 'a maxLeased that is off by one',
    caughtBy: ['model'],
    edits: [
      {
        file: 'pool.ts',
        from: 'this.#leased >= this.settings.maxLeased',
        to: 'this.#leased > this.settings.maxLeased',
      },
    ],
  },
  {
    name: 'a maxWaiting that is off by one',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: 'length >= this.settings.maxWaiting', to: 'length > this.settings.maxWaiting' }],
  },
  {
    name: 'a maxIdle that is off by one',
    caughtBy: ['model'],
    edits: [{ file: 'idle-engines.ts', from: 'this.#length >= this.#limit', to: 'this.#length > this.#limit' }],
  },
  {
    name: 'a closed pool that leaves its waiters waiting',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: '    this.#queue.refuseAll(this.#refusal);\n', to: '' }],
  },
  {
    name: 'a closed pool that keeps what comes back',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: 'this.#refusal === undefined && this.#idle.put', to: 'this.#idle.put' }],
  },
  {
    name: 'a close() that does not wait for the leases',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: 'if (this.#leased === 0) this.#closing.resolve', to: 'this.#closing.resolve' }],
  },
  {
    name: 'a timeout that leaves its waiter in the queue',
    caughtBy: ['model'],
    edits: [
      {
        file: 'wait-queue.ts',
        from: 'this.#refuse(first, this.#late(waitedMs));',
        to: 'first.waiter.refuse(this.#late(waitedMs));\n      return;',
      },
    ],
  },
  {
    name: 'a timer that is there for the first waiter only',
    caughtBy: ['model'],
    edits: [{ file: 'wait-queue.ts', from: '        this.#watch(this.#timeoutMs - waitedMs);\n', to: '' }],
  },
  {
    name: 'a timeout for who has not waited long enough',
    caughtBy: ['model'],
    edits: [{ file: 'wait-queue.ts', from: 'if (waitedMs + 1 < this.#timeoutMs) {', to: 'if (waitedMs < 0) {' }],
  },
  {
    name: 'a closed pool that holds the stream in whose listener it was closed',
    caughtBy: ['live-leases'],
    edits: [{ file: 'pool.ts', from: '    void this.#refusal.stack;\n', to: '' }],
  },
  {
    name: 'a main thread that does not look at the length that gzip tells',
    caughtBy: ['decompress-stream'],
    edits: [{ file: stream, from: 'if (expected !== undefined && expected > budget) return 0;', to: '' }],
  },
  {
    name: 'a way to the threadpool for nothing but the trailer',
    caughtBy: ['decompress-stream'],
    edits: [
      { file: stream, from: 'Math.max(0, budget) : budget + 1', to: 'Math.max(0, budget) : Math.max(0, budget)' },
    ],
  },
  {
    name: 'a message that fills the budget to the byte and goes on in the threadpool',
    caughtBy: ['message'],
    edits: [{ file: 'message.ts', from: 'expected > 0 ? expected + 1 : inlineRoom', to: 'inlineRoom' }],
  },
  {
    name: 'leases of a turn that are kept until it is over, ended or not',
    caughtBy: ['live-leases'],
    edits: [{ file: 'live-leases.ts', from: 'this.#young.filter(({ released }) => !released)', to: 'this.#young' }],
  },
  {
    name: 'bytes that are only to be copied and go to the threadpool',
    caughtBy: ['decompress-stream'],
    edits: [{ file: 'turn.ts', from: ' || isStored', to: '' }],
  },
  {
    name: 'a long chunk that goes to the threadpool though it is alone',
    caughtBy: ['decompress-stream'],
    edits: [{ file: 'turn.ts', from: ' || (waiting.length === 0 && threadpool.isIdle)', to: '' }],
  },
  {
    name: 'long chunks that wait for each other while the threadpool idles',
    caughtBy: ['decompress-stream'],
    edits: [{ file: 'turn.ts', from: '(waiting.length === 0 && threadpool.isIdle)', to: 'threadpool.isIdle' }],
  },
  {
    name: 'a piece of 1 MB for whoever says so in 1 KB',
    caughtBy: ['decompress-stream'],
    edits: [{ file: 'slab.ts', from: 'Math.min(EXACT_TO, EXACT_RATIO * inputLength)', to: 'EXACT_TO' }],
  },
  {
    name: 'a message of known length in slabs',
    caughtBy: ['decompress-stream'],
    edits: [{ file: 'slab.ts', from: 'expected >= EXACT_FROM && expected <= exactTo', to: 'expected < 0' }],
  },
  {
    name: 'a turn in which there is room for any number of tiny messages',
    caughtBy: ['decompress-stream'],
    edits: [{ file: 'turn.ts', from: 'Math.max(length, STEP_LENGTH)', to: 'length' }],
  },
  {
    name: 'a threadpool place that is lost with an exception',
    caughtBy: ['promises/p10-contained'],
    edits: [
      {
        file: 'threadpool.ts',
        from: '    try {\n      this.#run.call(this.#self);\n    } finally {\n      threadpool.landed();\n    }',
        to: '    this.#run.call(this.#self);\n    threadpool.landed();',
      },
    ],
  },
  {
    name: 'an engine that is lost when a listener throws',
    caughtBy: ['promises/p10-contained', 'model'],
    edits: [
      { file: stream, from: 'if (givingOutput.has(event)) this.destroy();', to: '' },
      { file: stream, from: 'throwLater(error);\n      this.destroy();', to: 'throw error;' },
    ],
  },
  {
    name: 'an exception of a listener that is lost',
    caughtBy: ['model'],
    edits: [{ file: stream, from: 'throwLater(error);\n      this.destroy();', to: 'this.destroy();' }],
  },
  {
    name: 'a stream that stays open when the callback of its last write throws',
    caughtBy: ['model'],
    edits: [{ file: stream, from: "if (this.writableEnded && this.#phase === 'idle') this.destroy();", to: '' }],
  },
  {
    name: 'an event of a lease that ends before the numbers tell of it',
    caughtBy: ['model'],
    edits: [
      { file: 'pool.ts', from: 'this.#live.remove(engine);\n    this.#leased -= 1;', to: 'this.#live.remove(engine);' },
      { file: 'pool.ts', from: 'this.#oneIsBack();\n  };', to: 'this.#leased -= 1;\n    this.#oneIsBack();\n  };' },
    ],
  },
  {
    name: 'a caller that is announced before its signal is listened to',
    caughtBy: ['model'],
    edits: [
      { file: 'pool.ts', from: '      this.announceWait(kind);\n    });', to: '    });' },
      {
        file: 'pool.ts',
        from: "      signal?.addEventListener('abort', onAbort",
        to: "      this.announceWait(kind);\n      signal?.addEventListener('abort', onAbort",
      },
    ],
  },
  {
    name: 'an exception in the context of whoever was served before',
    caughtBy: ['promises/p7-context'],
    edits: [
      {
        file: 'context.ts',
        from: 'context.runInAsyncScope(throwLater, undefined, error);',
        to: 'throwLater(error);',
      },
    ],
  },
  {
    name: 'a turn that ends by whichever setImmediate there is',
    caughtBy: ['clock'],
    edits: [
      {
        file: 'clock.ts',
        from: 'export const { setImmediate } = timers;',
        to: 'export const setImmediate = ((...args: never[]) => timers.setImmediate(...args)) as typeof timers.setImmediate;',
      },
    ],
  },
  {
    name: 'a lease that is announced before its stream has it',
    caughtBy: ['channels', 'model'],
    edits: [
      {
        file: 'pool.ts',
        from: '    this.#live.add(lease, stack);\n',
        to: '    this.#live.add(lease, stack);\n    this.announce(lease);\n',
      },
    ],
  },
  {
    name: 'a waiter that is announced before its stream knows that it waits',
    caughtBy: ['channels', 'model'],
    edits: [
      {
        file: 'pool.ts',
        from: 'return this.#queue.join(waiter);',
        to: 'const leave = this.#queue.join(waiter);\n    this.announceWait(kind);\n    return leave;',
      },
    ],
  },
  {
    name: 'a loop of flushes that starves timers',
    caughtBy: ['fairness'],
    edits: [{ file: 'turn.ts', from: 'else emptySteps += 1;', to: '' }],
  },
  {
    name: 'bad messages that are not counted to the turn',
    caughtBy: ['fairness'],
    edits: [{ file: 'message.ts', from: 'turn.spend(Math.max(1, Math.min(room, USUAL_RATIO * left)));', to: '' }],
  },
  {
    name: 'a queue that is copied with each item',
    caughtBy: ['fifo'],
    edits: [
      { file: 'fifo.ts', from: 'this.#first >= MOST_TAKEN && 2 * this.#first >= this.#items.length', to: 'true' },
    ],
  },
  {
    name: 'a signal that aborts a stream before it has fields',
    caughtBy: ['event-order'],
    edits: [{ file: stream, from: 'if (!(#phase in this)) callback(error);\n    else if', to: 'if' }],
  },
  {
    name: 'bytes of this realm and of one type only',
    caughtBy: ['validate'],
    edits: [
      { file: 'validate.ts', from: 'if (ArrayBuffer.isView(value)) {', to: 'if (value instanceof Uint8Array) {' },
    ],
  },
  {
    name: 'errors that make a string of the value',
    caughtBy: ['validate'],
    edits: [
      {
        file: 'validate.ts',
        from: '  switch (typeof value) {',
        to: '  if (value) return String(value);\n  switch (typeof value) {',
      },
    ],
  },
  {
    name: "an 'end' in the run of ticks of 'finish'",
    caughtBy: ['event-order'],
    edits: [
      {
        file: stream,
        from: 'enqueueNextRun(this.#context, this.#flushLast, this)',
        to: 'enqueueTick(this.#context, this.#flushLast, this)',
      },
    ],
  },
  {
    name: "an 'end' that only a microtask keeps from 'finish'",
    caughtBy: ['event-order'],
    edits: [
      {
        file: 'tick-queue.ts',
        from: '  if (isWorking) mark();',
        to: '  mark();',
      },
    ],
  },
  {
    name: 'an old call that ends the lease though the handle is kept',
    caughtBy: ['legacy'],
    edits: [{ file: stream, from: 'if (handle) handle.close();\n    else this', to: 'this' }],
  },
  {
    name: 'an old call that leaves its lease behind',
    caughtBy: ['legacy'],
    edits: [
      { file: stream, from: 'if (handle) handle.close();\n    else this.#closeHandle();', to: 'handle?.close();' },
    ],
  },
  {
    name: 'a frame of Zstandard behind a full chunk that is ignored',
    caughtBy: ['zstd-frames'],
    needs: 'zstd',
    // Node 26 goes on with the next frame by itself.
    lastMajor: 24,
    edits: [
      { file: 'engine.ts', from: 'return filled === 0 && made > 0 && inline', to: 'return made < filled && inline' },
    ],
  },
  {
    name: 'a frame of Zstandard behind output that is full by chance',
    caughtBy: ['zstd-frames'],
    needs: 'zstd',
    // Node 26 goes on with the next frame by itself.
    lastMajor: 24,
    edits: [
      { file: 'passage.ts', from: "if (this.kind.format !== 'zstd') return room;", to: 'if (room > 0) return room;' },
    ],
  },
];
