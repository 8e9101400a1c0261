/** Mistakes in what is around streams and pools: `zlease/web`, `zlease/http`, `zlease/prometheus`, the docs, the examples. */
import type { Variant } from './variants.ts';

export const surroundings: readonly Variant[] = [
  {
    name: 'an import of node:zlib, of which loader hooks make a copy before the factories are swapped',
    caughtBy: ['register'],
    edits: [
      {
        file: 'engine/builtin-zlib.ts',
        from: "export const zlib: typeof import('node:zlib') = process.getBuiltinModule('node:zlib');",
        to: "import builtin from 'node:zlib';\nexport const zlib: typeof import('node:zlib') = builtin;",
      },
    ],
  },
  {
    name: 'a compression that takes no bytes for an empty message',
    caughtBy: ['streams/empty-messages'],
    edits: [
      {
        file: 'connect.ts',
        from: 'const limit = limitOf(pool, readMaxBytes);',
        to: 'if (bytes.length === 0) return new Uint8Array(0);\n      const limit = limitOf(pool, readMaxBytes);',
      },
    ],
  },
  {
    name: 'a body that takes all at once whoever reads it',
    caughtBy: ['http/decoded-body', 'http/request-body'],
    edits: [{ file: 'http/decoded-body.ts', from: '    decoder.relay = this.#reader();\n', to: '' }],
  },
  {
    name: 'metrics that count the waiting times of each bucket by itself',
    caughtBy: ['prometheus'],
    edits: [{ file: 'observe/metrics.ts', from: 'count += waited;', to: 'count = waited;' }],
  },
  {
    name: 'waiting times in milliseconds',
    caughtBy: ['prometheus'],
    edits: [{ file: 'observe/tally.ts', from: 'waitedMs / 1_000', to: 'waitedMs' }],
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
    edits: [{ file: 'observe/causes.ts', from: "known.has(code) ? (code as string) : 'other'", to: 'String(code)' }],
  },
  {
    name: 'metrics that do not know the codes of the engines',
    caughtBy: ['prometheus'],
    edits: [{ file: 'observe/causes.ts', from: '...ENGINES, ', to: '' }],
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
    edits: [{ file: 'observe/tally.ts', from: 'if (discarded > 0) this', to: 'if (discarded < 0) this' }],
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
    caughtBy: ['docs/dashboard'],
    edits: [{ file: 'observe/metrics.ts', from: 'zlease_leases_waiting', to: 'zlease_waiting' }],
  },
  {
    name: 'a label with a name that the dashboard does not know',
    caughtBy: ['docs/dashboard'],
    edits: [{ file: 'observe/metrics.ts', from: 'tell(count, { cause })', to: 'tell(count, { code: cause })' }],
  },
  {
    name: 'a leak report without the stack',
    caughtBy: ['docs/examples-streams'],
    edits: [{ file: 'pool/pool.ts', from: 'stack: holder?.stack });', to: 'stack: undefined });' }],
  },
  {
    name: 'a leak that nobody is warned of',
    caughtBy: ['docs/examples-streams'],
    edits: [
      { file: 'pool/pool.ts', from: 'if (holder !== undefined) {', to: 'if (holder?.stack === undefined && holder) {' },
    ],
  },
  {
    name: 'a pool that forgets its maxOutputLength',
    caughtBy: ['docs/examples-streams', 'docs/examples-http'],
    edits: [
      {
        file: 'pool/options.ts',
        from: '...limits({ maxOutputLength, maxRatio,',
        to: '...limits({ maxRatio,',
      },
    ],
  },
  {
    name: 'a message that keeps its engine when it fails',
    caughtBy: ['docs/examples-streams'],
    edits: [
      {
        file: 'streams/message.ts',
        from: '    giveUp(lease, error as Error);\n    throw error;\n  } finally {\n    if (!lease.released) lease.release();\n  }\n',
        to: '    throw error;\n  }\n  lease.release();\n',
      },
    ],
  },
  {
    name: 'an install() that leaves a format out',
    caughtBy: ['docs/examples-http'],
    edits: [{ file: 'node-zlib/install.ts', from: "  ['createBrotliDecompress', 'br'],\n", to: '' }],
  },
  {
    name: 'a web stream that takes what follows the end',
    caughtBy: ['web'],
    edits: [{ file: 'streams/web-transform.ts', from: 'if (rest.length > (', to: 'if (rest.length < (' }],
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
        file: 'streams/web-transform.ts',
        from: 'if (!this.#hasEnded) await this.#inflate(NOTHING, this.#finishFlush);',
        to: 'if (this.#finishFlush < 0) await this.#inflate(NOTHING, this.#finishFlush);',
      },
    ],
  },
  {
    name: 'a web stream that takes gzip without its trailer for whole',
    caughtBy: ['web'],
    edits: [
      { file: 'streams/web-transform.ts', from: 'if (this.#framing?.ended === false) throw endError();', to: '' },
    ],
  },
  {
    name: 'a web stream that does not compare what came out with the trailer',
    caughtBy: ['web'],
    edits: [{ file: 'framing/gzip-member.ts', from: 'readUInt32LE(0) !== this.#crc)', to: 'readUInt32LE(0) < 0)' }],
  },
  {
    name: 'a gzip header whose CRC leaves a field out',
    caughtBy: ['web'],
    edits: [{ file: 'framing/gzip-member.ts', from: '    crc = crc32(length, crc);\n', to: '' }],
  },
  {
    name: 'a field that is lost where a chunk cuts it',
    caughtBy: ['web'],
    edits: [
      { file: 'framing/framing.ts', from: 'this.#cut = isCut ? field : undefined;', to: 'this.#cut = undefined;' },
    ],
  },
  {
    name: 'a web stream that keeps its engine when it is cancelled',
    caughtBy: ['web'],
    edits: [
      {
        file: 'streams/web-transform.ts',
        from: '          this.#end(reason);\n          this.#sink.error(reason);',
        to: '          this.#giveUp?.(reason);\n          this.#sink.error(reason);',
      },
    ],
  },
  {
    name: 'a web stream that keeps its engine until the reader comes, when it is aborted',
    caughtBy: ['web'],
    edits: [
      { file: 'streams/web-transform.ts', from: '{ once: true }', to: '{ once: true, signal: AbortSignal.abort() }' },
    ],
  },
  {
    name: 'a web stream that keeps its engine until the writer closes, though the end is known',
    caughtBy: ['web'],
    edits: [
      {
        file: 'streams/web-transform.ts',
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
        file: 'streams/web-transform.ts',
        from: 'return (this.#source.desiredSize as number) > 0;',
        to: 'return (this.#source.desiredSize as number) < Number.POSITIVE_INFINITY;',
      },
    ],
  },
  {
    name: 'a web stream that takes one chunk after the other though nobody reads',
    caughtBy: ['web'],
    edits: [{ file: 'streams/web-transform.ts', from: 'if (!this.#over && (', to: 'if (this.#over && (' }],
  },
  {
    name: 'a web stream whose chunks lie in the memory that all small Buffers share',
    caughtBy: ['web'],
    edits: [
      {
        file: 'streams/web-transform.ts',
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
        file: 'streams/web-transform.ts',
        from: 'Buffer.from(Buffer.from(memory, byteOffset, byteLength))',
        to: 'Buffer.from(memory, byteOffset, byteLength)',
      },
    ],
  },
  {
    name: 'a web stream that takes shared memory',
    caughtBy: ['web'],
    edits: [
      { file: 'streams/web-transform.ts', from: 'types.isArrayBuffer(memory)', to: 'types.isAnyArrayBuffer(memory)' },
    ],
  },
  {
    name: "a web stream that fails with zlib's plain error",
    caughtBy: ['web'],
    edits: [
      {
        file: 'streams/web-transform.ts',
        from: 'new TypeError(message, { cause: error })',
        to: 'new Error(message, { cause: error })',
      },
    ],
  },
  {
    name: 'a web stream whose writer is not told of an error',
    caughtBy: ['web'],
    edits: [
      {
        file: 'streams/web-transform.ts',
        from: '    this.#sink.error(reason);\n    this.#failure',
        to: '    this.#failure',
      },
    ],
  },
  {
    name: 'a web stream that drops what is not read yet when it fails',
    caughtBy: ['web'],
    edits: [
      {
        file: 'streams/web-transform.ts',
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
        file: 'framing/zstd-frame.ts',
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
    caughtBy: ['docs/readme'],
    edits: [
      { file: 'driver/passage.ts', from: 'this.#flush = finishFlush;', to: 'this.#flush = Math.min(2, finishFlush);' },
    ],
  },
  {
    name: 'a flag that does nothing',
    caughtBy: ['docs/readme'],
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
    caughtBy: ['docs/readme'],
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
    caughtBy: ['http/content-encoding', 'http/decoded-body'],
    edits: [{ file: 'http/content-encoding.ts', from: 'return applied.reverse();', to: 'return applied;' }],
  },
  {
    name: 'x-gzip as an unknown coding',
    caughtBy: ['http/content-encoding'],
    edits: [{ file: 'http/content-encoding.ts', from: "  ['x-gzip', 'gzip'],\n", to: '' }],
  },
  {
    name: 'codings that are told by the case of their letters',
    caughtBy: ['http/content-encoding'],
    edits: [{ file: 'http/content-encoding.ts', from: '.trim().toLowerCase()', to: '.trim()' }],
  },
  {
    name: 'a sixth coding that is accepted',
    caughtBy: ['http/content-encoding'],
    edits: [
      {
        file: 'http/content-encoding.ts',
        from: 'applied.length > MAX_CODINGS',
        to: 'applied.length > MAX_CODINGS + 1',
      },
    ],
  },
  {
    name: 'constructor as a coding',
    caughtBy: ['http/content-encoding'],
    edits: [
      {
        file: 'http/content-encoding.ts',
        from: 'codings.get(name)',
        to: '(Object.fromEntries(codings) as Record<string, Format | undefined>)[name]',
      },
    ],
  },
  {
    name: 'bodies without the limit of their options',
    caughtBy: ['http/decoded-body', 'http/request-body'],
    edits: [{ file: 'http.ts', from: 'Math.min(maxLength, constants.MAX_LENGTH)', to: 'undefined' }],
  },
  {
    name: 'bare deflate data that is taken without being asked for',
    caughtBy: ['http/decoded-body', 'http/request-body'],
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
    caughtBy: ['http/decoded-body'],
    edits: [{ file: 'http.ts', from: "rawDeflate && format === 'deflate' ? 2 : 1", to: '1' }],
  },
  {
    name: 'an empty body that is cut short',
    caughtBy: ['http/decoded-body'],
    edits: [
      {
        file: 'http/decoded-body.ts',
        from: 'if (this.#decoder === undefined && this.#head.length > 0) {',
        to: 'if (this.#decoder === undefined) {',
      },
    ],
  },
  {
    name: 'a body that ends before its source, where something follows the data',
    caughtBy: ['http/decoded-body'],
    edits: [
      {
        file: 'http/decoded-body.ts',
        from: '        if (this.#isReceived) {\n          this.push(null);\n          return;\n        }\n',
        to: '        this.push(null);\n        if (this.#isReceived) return;\n',
      },
    ],
  },
  {
    name: 'a body that keeps its engine when it is destroyed',
    caughtBy: ['http/decoded-body'],
    edits: [
      {
        file: 'http/decoded-body.ts',
        from: 'if (this.#decoder === undefined || this.#decoder.closed) callback(error);',
        to: 'if (error === null || this.#decoder === undefined || this.#decoder.closed) callback(error);',
      },
    ],
  },
  {
    name: 'a body that leaves its source open when it is destroyed',
    caughtBy: ['http/decoded-body'],
    edits: [{ file: 'http/decoded-body.ts', from: '    if (!this.#isReceived) this.#source.destroy();\n', to: '' }],
  },
  {
    name: 'a body that destroys a source that has come in full',
    caughtBy: ['http/decoded-body'],
    edits: [{ file: 'http/decoded-body.ts', from: 'if (!this.#isReceived) this.#source', to: 'this.#source' }],
  },
  {
    name: 'a body that looks after its source only once it is read',
    caughtBy: ['http/decoded-body'],
    edits: [
      {
        file: 'http/decoded-body.ts',
        from: 'if (error) this.destroy(error);',
        to: 'if (error && this.#isStarted) this.destroy(error);',
      },
    ],
  },
  {
    name: 'a body that takes no heed of back-pressure',
    caughtBy: ['http/decoded-body', 'http/request-body'],
    edits: [
      {
        file: 'http/decoded-body.ts',
        from: 'if (!this.push(chunk) || this.readableFlowing === false) this.#decoder?.pause();',
        to: 'this.push(chunk);',
      },
    ],
  },
  {
    name: 'a request whose content-length stays',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http.ts', from: "  removeHeader(request, 'content-length');\n", to: '' }],
  },
  {
    name: 'a request whose content-encoding stays',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http.ts', from: "      removeHeader(request, 'content-encoding');\n", to: '' }],
  },
  {
    name: 'a request that seems to have no body once it is decoded',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http.ts', from: "  headers['transfer-encoding'] = 'chunked';\n", to: '' }],
  },
  {
    name: 'an error of a request without a status',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http/http-errors.ts', from: '    status,\n    statusCode: status,\n', to: '' }],
  },
  {
    name: 'a bomb that is answered as corrupt data',
    caughtBy: ['http/request-body'],
    edits: [
      { file: 'http/http-errors.ts', from: "['ERR_BUFFER_TOO_LARGE', 413]", to: "['ERR_BUFFER_TOO_LARGE', 400]" },
    ],
  },
  {
    name: 'a 415 that does not say what is accepted',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http/http-errors.ts', from: '...(status === 415 ? {', to: '...(status === 416 ? {' }],
  },
  {
    name: 'a request that is aborted and keeps its engine',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http/request-body.ts', from: '      release();\n      _destroy.call', to: '      _destroy.call' }],
  },
  {
    name: 'a bad body that costs its connection',
    caughtBy: ['http/request-body'],
    edits: [
      {
        file: 'http/request-body.ts',
        from: '    if (failure !== undefined) {\n      drop();\n      done(failure);\n    } else {',
        to: '    {',
      },
    ],
  },
  {
    name: 'a bad body whose rest nobody receives',
    caughtBy: ['http/request-body'],
    edits: [
      {
        file: 'http/request-body.ts',
        from: '    if (!isDropped) return received.push(chunk, encoding);',
        to: '    if (!isDropped || failure) return received.push(chunk, encoding);',
      },
    ],
  },
  {
    name: 'an error of which body-parser does not hear when all has come',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http/request-body.ts', from: "      setImmediate(() => request.emit('finish'));\n", to: '' }],
  },
  {
    name: 'a request that is decoded for nobody',
    caughtBy: ['http/request-body'],
    edits: [
      {
        file: 'http/request-body.ts',
        from: '    if (isForNobody()) drop();\n    else if (decoded',
        to: '    if (decoded',
      },
    ],
  },
  {
    name: 'a request that is decoded on when its reader has left',
    caughtBy: ['http/request-body'],
    edits: [
      { file: 'http/request-body.ts', from: 'if (isForNobody()) drop();', to: '' },
      { file: 'http/request-body.ts', from: '        else if (!push', to: '        if (!push' },
      { file: 'http/request-body.ts', from: '    else if (decoded ===', to: '    if (decoded ===' },
    ],
  },
  {
    name: 'a request that forgets what had come before the middleware',
    caughtBy: ['http/request-body'],
    edits: [
      {
        file: 'http/request-body.ts',
        from: 'new ReceivedBody(state, pull)',
        to: 'new ReceivedBody((new Readable() as unknown as Internals)._readableState, pull)',
      },
    ],
  },
  {
    name: 'a request that is read already and decoded from there on',
    caughtBy: ['http/request-body'],
    edits: [
      {
        file: 'http/request-body.ts',
        from: "  if (isBeingRead(request)) throw codedError('ERR_BODY_IN_USE');\n",
        to: '  isBeingRead(request);\n  codedError;\n',
      },
    ],
  },
  {
    name: 'an error of a request that ends the process where nobody listens',
    caughtBy: ['http/request-body'],
    edits: [
      {
        file: 'http/request-body.ts',
        from: "callback(request.listenerCount('error') > 0 ? reason : null)",
        to: 'callback(reason)',
      },
    ],
  },
  {
    name: 'a request of HTTP/2 that closes twice',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http/request-body.ts', from: 'state.emitClose && state.autoDestroy', to: 'state.emitClose' }],
  },
  {
    name: 'a request of HTTP/2 that takes an abort for a body that is cut short',
    caughtBy: ['http/request-body'],
    edits: [{ file: 'http/request-body.ts', from: "request.once('aborted'", to: "request.once('abort'" }],
  },
];
