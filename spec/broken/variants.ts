/**
 * Broken variants of the library: plausible mistakes, each as edits to the real sources. `broken.spec.ts` runs the
 * promise specs over each and expects them to fail. An edit whose text is no longer there fails loudly: a variant
 * can't rot into one that breaks nothing.
 */

import type { Format } from '../../lib/index.ts';

export interface Edit {
  file: string;
  from: string;
  to: string;
}

export interface Variant {
  name: string;
  /** The spec files that are to catch it, in spec/. */
  caughtBy: readonly string[];
  edits: readonly Edit[];
  /** A mistake that can only be made where Node has this format. */
  needs?: Format;
}

const stream = 'decompress-stream.ts';

export const variants: readonly Variant[] = [
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
        from: 'process.nextTick(afterClose, lease, clean, error)',
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
        from: 'process.nextTick(afterClose, lease, clean, error)',
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
      { file: 'pool.ts', from: 'engine.busy || engine.failure !== undefined', to: 'engine.busy' },
      { file: 'pool.ts', from: 'return engine.failure === undefined;', to: 'return true;' },
    ],
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
    edits: [{ file: 'tick-queue.ts', from: 'context.runInAsyncScope(run, self)', to: 'run.call(self)' }],
  },
  {
    name: 'a tick queue that keeps whom it served',
    caughtBy: ['promises/p7-context'],
    edits: [{ file: 'tick-queue.ts', from: '      tasks[next + 2] = undefined;\n', to: '' }],
  },
  {
    name: 'a message that ended early taken for a whole one',
    caughtBy: ['stock'],
    edits: [
      {
        file: 'native-engine.ts',
        from: "code === 'Z_BUF_ERROR') {",
        to: "code === 'Z_BUF_ERROR') {\n      this.failure = undefined;\n      return true;",
      },
    ],
  },
  {
    name: 'a message that was tried as a whole and is not tried again',
    caughtBy: ['stock'],
    edits: [{ file: 'native-engine.ts', from: "code === 'Z_BUF_ERROR') {", to: "code === 'none') {" }],
  },
  {
    name: 'the rest of a message taken for a whole one after a reset',
    caughtBy: ['stock'],
    edits: [{ file: stream, from: '      this.#offset === 0 &&\n', to: '' }],
  },
  {
    name: 'a reset that does not forget that a message was whole',
    caughtBy: ['stock'],
    edits: [{ file: stream, from: '    this.#wasWhole = false;\n', to: '' }],
  },
  {
    name: "engines made in the context of their first stream's creator",
    caughtBy: ['promises/p7-context'],
    edits: [{ file: 'context.ts', from: 'return root.runInAsyncScope(make)', to: 'return make()' }],
  },
  {
    name: 'streams that hold each other up when a listener throws',
    caughtBy: ['promises/p10-contained'],
    edits: [{ file: 'tick-queue.ts', from: 'if (!isDone) putBack(tasks.slice(next, end));', to: '' }],
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
    name: 'a member counted wherever one seems to begin',
    caughtBy: ['limits'],
    edits: [{ file: 'members.ts', from: 'if (this.#count > 0 && !ended) return;', to: '' }],
  },
  {
    name: 'a member that is missed where a chunk ends within its header',
    caughtBy: ['limits'],
    edits: [
      {
        file: 'members.ts',
        from: 'input[end - 1] === ID1 ? length - 1 : length',
        to: 'input[end] === ID1 ? 1 : length',
      },
    ],
  },
  {
    name: 'a sealed stream that still knows its engine',
    caughtBy: ['promises/p3-sealed', 'model'],
    edits: [
      { file: stream, from: "if (this.destroyed) throw codedError('ERR_LEASE_SEALED');", to: '' },
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
        from: '    setImmediate(() => {\n      if (this.#phase',
        to: '    queueMicrotask(() => {\n      if (this.#phase',
      },
    ],
  },
  {
    name: 'a message that gives its engine back during a write',
    caughtBy: ['message', 'model'],
    edits: [{ file: 'message.ts', from: ' && !engineOf(this.#lease).busy) this.#giveUp', to: ') this.#giveUp' }],
  },
  {
    name: 'a message whose bytes stay in the slab',
    caughtBy: ['message'],
    edits: [
      { file: 'message.ts', from: 'copyOf(scratch, made, this.#passage.isFirst)', to: 'scratch.subarray(0, made)' },
    ],
  },
  {
    name: 'an old way in that is not sealed',
    caughtBy: ['stock-shape'],
    edits: [
      {
        file: stream,
        from: "if (this.#phase === 'sealed') {\n      process.nextTick(callback);",
        to: 'if (this.#offset < 0) {\n      process.nextTick(callback);',
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
    edits: [
      { file: 'wait-queue.ts', from: 'const [first] = this.#places', to: 'const first = [...this.#places].at(-1)' },
    ],
  },
  {
    name: 'a place in the pool that is not given on after a discard',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: '    this.#oneIsBack();\n  };', to: '    if (proven) this.#oneIsBack();\n  };' }],
  },
  {
    name: 'a place in the pool that is lost with its lease',
    caughtBy: ['model'],
    edits: [{ file: 'pool.ts', from: '    this.#oneIsBack();\n  }\n', to: '  }\n' }],
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
    edits: [{ file: 'wait-queue.ts', from: '(waitedMs);\n      this.#leave(place);', to: '(waitedMs);' }],
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
    edits: [{ file: stream, from: 'expected === 0 && budget === 0 ? 1 : ', to: '' }],
  },
  {
    name: 'a message that fills the budget to the byte and goes on in the threadpool',
    caughtBy: ['message'],
    edits: [{ file: 'message.ts', from: 'expected === inlineRoom ? inlineRoom + 1 : ', to: '' }],
  },
  {
    name: 'metrics that count the waiting times of each bucket by itself',
    caughtBy: ['prometheus'],
    edits: [{ file: 'metrics.ts', from: 'count += waited;', to: 'count = waited;' }],
  },
  {
    name: 'waiting times in milliseconds',
    caughtBy: ['prometheus'],
    edits: [{ file: 'tally.ts', from: 'waitedMs / 1_000', to: 'waitedMs' }],
  },
  {
    name: 'metrics that tell each pool what all pools do',
    caughtBy: ['prometheus'],
    edits: [
      {
        file: 'prometheus.ts',
        from: 'this.#byPool.get((message as LeaseEvent | DiscardEvent | WaitEvent).pool)?.tally',
        to: '(message as LeaseEvent | DiscardEvent | WaitEvent) && [...this.#members.values()][0]?.tally',
      },
    ],
  },
  {
    name: 'metrics with as many series as there are codes of errors',
    caughtBy: ['prometheus'],
    edits: [{ file: 'causes.ts', from: "known.has(code) ? (code as string) : 'other'", to: 'String(code)' }],
  },
  {
    name: 'metrics that do not know the codes of the engines',
    caughtBy: ['prometheus'],
    edits: [{ file: 'causes.ts', from: '...ENGINES, ', to: '' }],
  },
  {
    name: 'metrics that keep their pools alive',
    caughtBy: ['prometheus'],
    edits: [
      { file: 'prometheus.ts', from: 'pool: new WeakRef(pool)', to: 'pool: { deref: () => pool } as WeakRef<Pool>' },
    ],
  },
  {
    name: 'metrics that go on listening after their undo',
    caughtBy: ['prometheus'],
    edits: [{ file: 'prometheus.ts', from: '    channels.wait.unsubscribe(this.#onWait);\n', to: '' }],
  },
  {
    name: 'a second undo that ends the series of whoever has the name now',
    caughtBy: ['prometheus'],
    edits: [
      { file: 'prometheus.ts', from: 'if (this.#members.get(member.name) === member) {', to: 'if (this.#members) {' },
    ],
  },
  {
    name: 'metrics that take a name twice',
    caughtBy: ['prometheus'],
    edits: [{ file: 'prometheus.ts', from: 'if (this.#readings().has(name)) {', to: "if (name === '') {" }],
  },
  {
    name: 'metrics that forget what was before them',
    caughtBy: ['prometheus'],
    edits: [{ file: 'tally.ts', from: 'if (discarded > 0) this', to: 'if (discarded < 0) this' }],
  },
  {
    name: 'metrics of which resetMetrics() makes something else than the stats',
    caughtBy: ['prometheus'],
    edits: [
      {
        file: 'prometheus.ts',
        from: 'reset(): void {}',
        to: 'reset(): void {\n    for (const { tally } of this.#readings().values()) tally.leases.clear();\n  }',
      },
    ],
  },
  {
    name: 'a metric with a name that the dashboard does not know',
    caughtBy: ['dashboard'],
    edits: [{ file: 'metrics.ts', from: 'zlease_leases_waiting', to: 'zlease_waiting' }],
  },
  {
    name: 'a label with a name that the dashboard does not know',
    caughtBy: ['dashboard'],
    edits: [{ file: 'metrics.ts', from: 'tell(count, { cause })', to: 'tell(count, { code: cause })' }],
  },
  {
    name: 'a leak report without the stack',
    caughtBy: ['examples-streams'],
    edits: [{ file: 'pool.ts', from: 'stack: holder?.stack });', to: 'stack: undefined });' }],
  },
  {
    name: 'a leak that nobody is warned of',
    caughtBy: ['examples-streams'],
    edits: [
      { file: 'pool.ts', from: 'if (holder !== undefined) {', to: 'if (holder?.stack === undefined && holder) {' },
    ],
  },
  {
    name: 'a pool that forgets its maxOutputLength',
    caughtBy: ['examples-streams', 'examples-http'],
    edits: [
      {
        file: 'pool-options.ts',
        from: '...limits({ maxOutputLength, maxRatio,',
        to: '...limits({ maxRatio,',
      },
    ],
  },
  {
    name: 'a message that keeps its engine when it fails',
    caughtBy: ['examples-streams'],
    edits: [
      {
        file: 'message.ts',
        from: '    lease.discard(error as Error);\n    throw error;\n  } finally {\n    if (!lease.released) lease.release();\n  }\n',
        to: '    throw error;\n  }\n  lease.release();\n',
      },
    ],
  },
  {
    name: 'an install() that leaves a format out',
    caughtBy: ['examples-http'],
    edits: [{ file: 'install.ts', from: "  ['createBrotliDecompress', 'br'],\n", to: '' }],
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
    name: 'a web stream that takes what follows the end',
    caughtBy: ['web'],
    edits: [{ file: 'web-transform.ts', from: 'if (rest.length > (', to: 'if (rest.length < (' }],
  },
  {
    name: 'a web stream that lets gzip go on with another member',
    caughtBy: ['web'],
    edits: [
      { file: 'web.ts', from: "{ format: 'deflate-raw', framing: () => new GzipMember() }", to: "{ format: 'gzip' }" },
    ],
  },
  {
    name: 'a web stream that takes data that is cut short for whole',
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: 'if (!this.#hasEnded) await this.#inflate(NOTHING, this.#finishFlush);',
        to: 'if (this.#finishFlush < 0) await this.#inflate(NOTHING, this.#finishFlush);',
      },
    ],
  },
  {
    name: 'a web stream that takes gzip without its trailer for whole',
    caughtBy: ['web'],
    edits: [{ file: 'web-transform.ts', from: 'if (this.#framing?.ended === false) throw endError();', to: '' }],
  },
  {
    name: 'a web stream that does not compare what came out with the trailer',
    caughtBy: ['web'],
    edits: [{ file: 'gzip-member.ts', from: 'readUInt32LE(0) !== this.#crc)', to: 'readUInt32LE(0) < 0)' }],
  },
  {
    name: 'a gzip header whose CRC leaves a field out',
    caughtBy: ['web'],
    edits: [{ file: 'gzip-member.ts', from: '    crc = crc32(length, crc);\n', to: '' }],
  },
  {
    name: 'a field that is lost where a chunk cuts it',
    caughtBy: ['web'],
    edits: [{ file: 'framing.ts', from: 'this.#cut = isCut ? field : undefined;', to: 'this.#cut = undefined;' }],
  },
  {
    name: 'a web stream that keeps its engine when it is cancelled',
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: '          this.#end(reason);\n          this.#sink.error(reason);',
        to: '          this.#giveUp?.(reason);\n          this.#sink.error(reason);',
      },
    ],
  },
  {
    name: 'a web stream that keeps its engine until the reader comes, when it is aborted',
    caughtBy: ['web'],
    edits: [{ file: 'web-transform.ts', from: '{ once: true }', to: '{ once: true, signal: AbortSignal.abort() }' }],
  },
  {
    name: 'a web stream that keeps its engine until the writer closes, though the end is known',
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: '      // Nothing that comes now reaches the engine.\n      this.#inflater.destroy();\n',
        to: '',
      },
    ],
  },
  {
    name: 'a web stream that forgets its maxOutputLength',
    caughtBy: ['web'],
    edits: [{ file: 'web.ts', from: 'framing?.(), maxOutputLength)', to: 'framing?.(), undefined)' }],
  },
  {
    name: 'a web stream that inflates a bomb that nobody reads',
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: 'return (this.#source.desiredSize as number) > 0;',
        to: 'return (this.#source.desiredSize as number) < Number.POSITIVE_INFINITY;',
      },
    ],
  },
  {
    name: 'a web stream that takes one chunk after the other though nobody reads',
    caughtBy: ['web'],
    edits: [{ file: 'web-transform.ts', from: 'if (!this.#over && (', to: 'if (this.#over && (' }],
  },
  {
    name: 'a web stream whose chunks lie in the memory that all small Buffers share',
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: 'chunk.length === buffer.byteLength ? new Uint8Array(buffer) : new Uint8Array(chunk)',
        to: 'new Uint8Array(buffer, chunk.byteOffset, chunk.length)',
      },
    ],
  },
  {
    name: 'a web stream that inflates out of memory that its writer may take away',
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: 'Buffer.from(Buffer.from(memory, byteOffset, byteLength))',
        to: 'Buffer.from(memory, byteOffset, byteLength)',
      },
    ],
  },
  {
    name: 'a web stream that takes shared memory',
    caughtBy: ['web'],
    edits: [{ file: 'web-transform.ts', from: 'types.isArrayBuffer(memory)', to: 'types.isAnyArrayBuffer(memory)' }],
  },
  {
    name: "a web stream that fails with zlib's plain error",
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: 'new TypeError(message, { cause: error })',
        to: 'new Error(message, { cause: error })',
      },
    ],
  },
  {
    name: 'a web stream whose writer is not told of an error',
    caughtBy: ['web'],
    edits: [
      { file: 'web-transform.ts', from: '    this.#sink.error(reason);\n    this.#failure', to: '    this.#failure' },
    ],
  },
  {
    name: 'a web stream that drops what is not read yet when it fails',
    caughtBy: ['web'],
    edits: [
      {
        file: 'web-transform.ts',
        from: 'if (this.#source.desiredSize === HIGH_WATER_MARK) this',
        to: 'this',
      },
    ],
  },
  {
    name: 'a frame of Zstandard whose checksum is not part of it',
    caughtBy: ['web'],
    needs: 'zstd',
    edits: [
      {
        file: 'zstd-frame.ts',
        from: '  if (hasChecksum) yield { exactly: CHECKSUM_LENGTH };\n',
        to: '  void hasChecksum;\n',
      },
    ],
  },
  {
    name: 'a frame of Zstandard whose end only the engine looks for',
    caughtBy: ['web'],
    needs: 'zstd',
    edits: [{ file: 'web.ts', from: ', framing: () => new ZstdFrame() });', to: ' });' }],
  },
  {
    name: 'a message that was cut short and passes for whole',
    caughtBy: ['readme'],
    edits: [{ file: 'message.ts', from: 'this.#flush = finishFlush;', to: 'this.#flush = Math.min(2, finishFlush);' }],
  },
  {
    name: 'a flag that does nothing',
    caughtBy: ['readme'],
    edits: [
      {
        file: 'register.ts',
        from: 'if (isSwitchedOn(process.env)) install();',
        to: 'isSwitchedOn(process.env) && install;',
      },
    ],
  },
  {
    name: 'an undo that leaves the metrics in the registry',
    caughtBy: ['readme'],
    edits: [
      {
        file: 'prometheus.ts',
        from: 'return () => {\n    if (!collection.remove(member)',
        to: 'return () => {\n    if (collection.remove(member)',
      },
    ],
  },
  {
    name: 'a limit whose error is of another class',
    caughtBy: ['errors'],
    edits: [{ file: 'errors.ts', from: 'ERR_RATIO_TOO_HIGH: [RangeError', to: 'ERR_RATIO_TOO_HIGH: [Error' }],
  },
  {
    name: 'an error that the docs don’t know',
    caughtBy: ['errors'],
    edits: [
      {
        file: 'errors.ts',
        from: '} as const satisfies',
        to: "  ERR_POOL_DRAINED: [Error, 'The pool has nothing left'],\n} as const satisfies",
      },
    ],
  },
  {
    name: 'codings that are taken off in the order in which they were applied',
    caughtBy: ['content-encoding', 'decoded-body'],
    edits: [{ file: 'content-encoding.ts', from: 'return applied.reverse();', to: 'return applied;' }],
  },
  {
    name: 'x-gzip as an unknown coding',
    caughtBy: ['content-encoding'],
    edits: [{ file: 'content-encoding.ts', from: "  ['x-gzip', 'gzip'],\n", to: '' }],
  },
  {
    name: 'codings that are told by the case of their letters',
    caughtBy: ['content-encoding'],
    edits: [{ file: 'content-encoding.ts', from: '.trim().toLowerCase()', to: '.trim()' }],
  },
  {
    name: 'a sixth coding that is accepted',
    caughtBy: ['content-encoding'],
    edits: [
      { file: 'content-encoding.ts', from: 'applied.length > MAX_CODINGS', to: 'applied.length > MAX_CODINGS + 1' },
    ],
  },
  {
    name: 'constructor as a coding',
    caughtBy: ['content-encoding'],
    edits: [
      {
        file: 'content-encoding.ts',
        from: 'codings.get(name)',
        to: '(Object.fromEntries(codings) as Record<string, Format | undefined>)[name]',
      },
    ],
  },
  {
    name: 'bodies without the limit of their options',
    caughtBy: ['decoded-body', 'request-body'],
    edits: [{ file: 'http.ts', from: 'Math.min(maxLength, constants.MAX_LENGTH)', to: 'undefined' }],
  },
  {
    name: 'bare deflate data that is taken without being asked for',
    caughtBy: ['decoded-body', 'request-body'],
    edits: [
      { file: 'http.ts', from: "rawDeflate && format === 'deflate' ? 2", to: "format === 'deflate' ? 2" },
      {
        file: 'http.ts',
        from: "rawDeflate && format === 'deflate' && !isZlibWrapper",
        to: "format === 'deflate' && !isZlibWrapper",
      },
    ],
  },
  {
    name: 'deflate that is told by its first byte alone',
    caughtBy: ['decoded-body'],
    edits: [{ file: 'http.ts', from: "rawDeflate && format === 'deflate' ? 2 : 1", to: '1' }],
  },
  {
    name: 'an empty body that is cut short',
    caughtBy: ['decoded-body'],
    edits: [
      {
        file: 'decoded-body.ts',
        from: 'if (this.#decoder === undefined && this.#head.length > 0) {',
        to: 'if (this.#decoder === undefined) {',
      },
    ],
  },
  {
    name: 'a body that ends before its source, where something follows the data',
    caughtBy: ['decoded-body'],
    edits: [
      {
        file: 'decoded-body.ts',
        from: '        if (this.#isReceived) {\n          this.push(null);\n          return;\n        }\n',
        to: '        this.push(null);\n        if (this.#isReceived) return;\n',
      },
    ],
  },
  {
    name: 'a body that keeps its engine when it is destroyed',
    caughtBy: ['decoded-body'],
    edits: [
      {
        file: 'decoded-body.ts',
        from: 'if (this.#decoder === undefined || this.#decoder.closed) callback(error);',
        to: 'if (error === null || this.#decoder === undefined || this.#decoder.closed) callback(error);',
      },
    ],
  },
  {
    name: 'a body that leaves its source open when it is destroyed',
    caughtBy: ['decoded-body'],
    edits: [{ file: 'decoded-body.ts', from: '    if (!this.#isReceived) this.#source.destroy();\n', to: '' }],
  },
  {
    name: 'a body that destroys a source that has come in full',
    caughtBy: ['decoded-body'],
    edits: [{ file: 'decoded-body.ts', from: 'if (!this.#isReceived) this.#source', to: 'this.#source' }],
  },
  {
    name: 'a body that looks after its source only once it is read',
    caughtBy: ['decoded-body'],
    edits: [
      {
        file: 'decoded-body.ts',
        from: 'if (error) this.destroy(error);',
        to: 'if (error && this.#isStarted) this.destroy(error);',
      },
    ],
  },
  {
    name: 'a body that takes no heed of back-pressure',
    caughtBy: ['decoded-body', 'request-body'],
    edits: [
      { file: 'decoded-body.ts', from: 'if (!this.push(chunk)) this.#decoder?.pause();', to: 'this.push(chunk);' },
    ],
  },
  {
    name: 'a request whose content-length stays',
    caughtBy: ['request-body'],
    edits: [{ file: 'http.ts', from: "  removeHeader(request, 'content-length');\n", to: '' }],
  },
  {
    name: 'a request whose content-encoding stays',
    caughtBy: ['request-body'],
    edits: [{ file: 'http.ts', from: "      removeHeader(request, 'content-encoding');\n", to: '' }],
  },
  {
    name: 'a request that seems to have no body once it is decoded',
    caughtBy: ['request-body'],
    edits: [{ file: 'http.ts', from: "  headers['transfer-encoding'] = 'chunked';\n", to: '' }],
  },
  {
    name: 'an error of a request without a status',
    caughtBy: ['request-body'],
    edits: [{ file: 'http-errors.ts', from: '    status,\n    statusCode: status,\n', to: '' }],
  },
  {
    name: 'a bomb that is answered as corrupt data',
    caughtBy: ['request-body'],
    edits: [{ file: 'http-errors.ts', from: "['ERR_BUFFER_TOO_LARGE', 413]", to: "['ERR_BUFFER_TOO_LARGE', 400]" }],
  },
  {
    name: 'a 415 that does not say what is accepted',
    caughtBy: ['request-body'],
    edits: [{ file: 'http-errors.ts', from: '...(status === 415 ? {', to: '...(status === 416 ? {' }],
  },
  {
    name: 'a request that is aborted and keeps its engine',
    caughtBy: ['request-body'],
    edits: [{ file: 'request-body.ts', from: '      release();\n      _destroy.call', to: '      _destroy.call' }],
  },
  {
    name: 'a bad body that costs its connection',
    caughtBy: ['request-body'],
    edits: [
      {
        file: 'request-body.ts',
        from: '    if (failure !== undefined) {\n      drop();\n      done(failure);\n    } else {',
        to: '    {',
      },
    ],
  },
  {
    name: 'a bad body whose rest nobody receives',
    caughtBy: ['request-body'],
    edits: [
      {
        file: 'request-body.ts',
        from: '    if (!isDropped) return received.push(chunk, encoding);',
        to: '    if (!isDropped || failure) return received.push(chunk, encoding);',
      },
    ],
  },
  {
    name: 'an error of which body-parser does not hear when all has come',
    caughtBy: ['request-body'],
    edits: [{ file: 'request-body.ts', from: "      setImmediate(() => request.emit('finish'));\n", to: '' }],
  },
  {
    name: 'a request that is decoded for nobody',
    caughtBy: ['request-body'],
    edits: [
      { file: 'request-body.ts', from: '    if (isForNobody()) drop();\n    else if (decoded', to: '    if (decoded' },
    ],
  },
  {
    name: 'a request that is decoded on when its reader has left',
    caughtBy: ['request-body'],
    edits: [
      { file: 'request-body.ts', from: 'if (isForNobody()) drop();', to: '' },
      { file: 'request-body.ts', from: '        else if (!push', to: '        if (!push' },
      { file: 'request-body.ts', from: '    else if (decoded ===', to: '    if (decoded ===' },
    ],
  },
  {
    name: 'a request that forgets what had come before the middleware',
    caughtBy: ['request-body'],
    edits: [
      {
        file: 'request-body.ts',
        from: 'new ReceivedBody(state, pull)',
        to: 'new ReceivedBody((new Readable() as unknown as Internals)._readableState, pull)',
      },
    ],
  },
  {
    name: 'a request that is read already and decoded from there on',
    caughtBy: ['request-body'],
    edits: [
      {
        file: 'request-body.ts',
        from: "  if (isBeingRead(request)) throw codedError('ERR_BODY_IN_USE');\n",
        to: '  isBeingRead(request);\n  codedError;\n',
      },
    ],
  },
  {
    name: 'an error of a request that ends the process where nobody listens',
    caughtBy: ['request-body'],
    edits: [
      {
        file: 'request-body.ts',
        from: "callback(request.listenerCount('error') > 0 ? reason : null)",
        to: 'callback(reason)',
      },
    ],
  },
  {
    name: 'a request of HTTP/2 that closes twice',
    caughtBy: ['request-body'],
    edits: [{ file: 'request-body.ts', from: 'state.emitClose && state.autoDestroy', to: 'state.emitClose' }],
  },
  {
    name: 'a request of HTTP/2 that takes an abort for a body that is cut short',
    caughtBy: ['request-body'],
    edits: [{ file: 'request-body.ts', from: "request.once('aborted'", to: "request.once('abort'" }],
  },
];
