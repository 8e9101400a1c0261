/** Broken builds of the entry points and of the modules around streams and pools. See `variants.ts`. */
import type { Variant } from './variants.ts';

export const surroundings: readonly Variant[] = [
  {
    name: 'a one-shot function that ignores an option of streams',
    caughtBy: 'node-zlib/one-shots',
    grep: 'gunzip() takes the options',
    edits: [
      {
        file: 'streams/one-shot.ts',
        from: 'if (!followed.has(name) && options',
        to: "if (name !== 'signal' && !followed.has(name) && options",
      },
    ],
  },
  {
    name: 'one-shot functions of node:zlib that run beyond the limits of the pool',
    caughtBy: 'node-zlib/one-shots',
    grep: 'keep within the limits',
    edits: [
      {
        file: 'streams/one-shot.ts',
        from: '=== Number.POSITIVE_INFINITY) return undefined;',
        to: '> 0) return undefined;',
      },
    ],
  },
  {
    name: 'a callback of a one-shot function within the call',
    caughtBy: 'node-zlib/one-shots',
    grep: 'never during the call',
    edits: [
      { file: 'streams/one-shot.ts', from: '    enqueueTick(\n      context,\n', to: '    context.runInAsyncScope(\n' },
    ],
  },
  {
    name: 'an install() without one-shot functions that takes them off the pool of an earlier one',
    caughtBy: 'node-zlib/one-shots',
    grep: 'stay on the pool',
    edits: [
      {
        file: 'node-zlib/install.ts',
        from: 'installs.findLast((entry) => includes(entry, replaced));',
        to: 'replaced.isOneShot && !installs.at(-1)?.oneShot ? undefined : installs.at(-1);',
      },
    ],
  },
  {
    name: 'an import of node:zlib, of which loader hooks make a copy before the factories are swapped',
    caughtBy: 'register',
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
    caughtBy: 'streams/empty-messages',
    edits: [
      {
        file: 'connect.ts',
        from: 'const limit = limitOf(pool, readMaxBytes);',
        to: 'if (bytes.length === 0) return new Uint8Array(0);\n      const limit = limitOf(pool, readMaxBytes);',
      },
    ],
  },
  {
    name: 'a frame of a compressed message without its flag',
    caughtBy: 'grpc',
    edits: [
      {
        file: 'grpc/frames.ts',
        from: 'frame(1, payload)',
        to: 'frame(0, payload)',
      },
    ],
  },
  {
    name: 'messages that are all compressed with the default options',
    caughtBy: 'grpc',
    edits: [
      {
        file: 'grpc/messages.ts',
        from: 'compressTask(pool, get(message), settings, done)',
        to: 'compressTask(pool, get(message), messageSettings(encoder(format), undefined), done)',
      },
    ],
  },
  {
    name: 'waiting times in milliseconds',
    caughtBy: 'prometheus',
    edits: [
      {
        file: 'observe/tally.ts',
        from: 'waitedMs / 1_000',
        to: 'waitedMs',
      },
    ],
  },
  {
    name: 'encoders that count as decoders',
    caughtBy: 'prometheus',
    edits: [
      {
        file: 'engine/codecs.ts',
        from: "direction: family.compresses ? 'compress' : 'decompress',",
        to: "direction: 'decompress',",
      },
    ],
  },
  {
    name: 'metrics that keep their pools alive',
    caughtBy: 'prometheus',
    edits: [
      {
        file: 'prometheus.ts',
        from: 'pool: new WeakRef(pool)',
        to: 'pool: { deref: () => pool } as WeakRef<Pool>',
      },
    ],
  },
  {
    name: 'a label with a name that the dashboard does not know',
    caughtBy: 'docs/dashboard',
    edits: [
      {
        file: 'observe/metrics.ts',
        from: 'tell(count, { cause })',
        to: 'tell(count, { code: cause })',
      },
    ],
  },
  {
    name: 'a leak that nobody is warned of',
    caughtBy: 'docs/examples-streams',
    edits: [
      {
        file: 'pool/pool.ts',
        from: 'if (holder !== undefined) {',
        to: 'if (holder?.stack === undefined && holder) {',
      },
    ],
  },
  {
    name: 'a web stream that takes what follows the end',
    caughtBy: 'web',
    edits: [
      {
        file: 'streams/web-transform.ts',
        from: 'if (rest.length > (',
        to: 'if (rest.length < (',
      },
    ],
  },
  {
    name: 'a field that is lost where a chunk cuts it',
    caughtBy: 'web',
    edits: [
      {
        file: 'framing/framing.ts',
        from: 'this.#cut = isCut ? field : undefined;',
        to: 'this.#cut = undefined;',
      },
    ],
  },
  {
    name: 'a web stream that keeps its engine when it is cancelled',
    caughtBy: 'web',
    edits: [
      {
        file: 'streams/web-transform.ts',
        from: '          this.#end(reason);\n          this.#sink.error(reason);',
        to: '          this.#giveUp?.(reason);\n          this.#sink.error(reason);',
      },
    ],
  },
  {
    name: 'a web stream that inflates a bomb that nobody reads',
    caughtBy: 'web',
    edits: [
      {
        file: 'streams/web-transform.ts',
        from: 'return (this.#source.desiredSize as number) > 0;',
        to: 'return (this.#source.desiredSize as number) < Number.POSITIVE_INFINITY;',
      },
    ],
  },
  {
    name: 'a compressing web stream that ends without its last flush',
    caughtBy: 'web-compression',
    edits: [
      {
        file: 'streams/web-transform.ts',
        from: 'await this.#convert(NOTHING, this.#finishFlush);',
        to: 'await this.#convert(NOTHING, NO_FLUSH);',
      },
    ],
  },
  {
    name: 'a frame of Zstandard whose checksum is not part of it',
    caughtBy: 'web',
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
    name: 'a flag that does nothing',
    caughtBy: 'docs/readme',
    edits: [
      {
        file: 'register.ts',
        from: 'if (decompress) {',
        to: 'if (decompress && false) {',
      },
    ],
  },
  {
    name: 'an error that the docs don’t know',
    caughtBy: 'errors',
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
    caughtBy: 'http/content-encoding',
    edits: [
      {
        file: 'http/content-encoding.ts',
        from: 'return applied.reverse();',
        to: 'return applied;',
      },
    ],
  },
  {
    name: 'a body that keeps its engine when it is destroyed',
    caughtBy: 'http/decoded-body',
    edits: [
      {
        file: 'http/decoded-body.ts',
        from: 'if (this.#decoder === undefined || this.#decoder.closed) callback(error);',
        to: 'if (error === null || this.#decoder === undefined || this.#decoder.closed) callback(error);',
      },
    ],
  },
  {
    name: 'a body that takes no heed of back-pressure',
    caughtBy: 'http/decoded-body',
    edits: [
      {
        file: 'http/decoded-body.ts',
        from: 'if (!this.push(chunk) || this.readableFlowing === false) this.#decoder?.pause();',
        to: 'this.push(chunk);',
      },
    ],
  },
  {
    name: 'a bomb that is answered as corrupt data',
    caughtBy: 'http/request-body',
    edits: [
      {
        file: 'errors.ts',
        from: "'Cannot create a Buffer larger than the output limit', 413,",
        to: "'Cannot create a Buffer larger than the output limit', 400,",
      },
    ],
  },
  {
    name: 'a request that is aborted and keeps its engine',
    caughtBy: 'http/request-body',
    edits: [
      {
        file: 'http/request-body.ts',
        from: '      release();\n      _destroy.call',
        to: '      _destroy.call',
      },
    ],
  },
  {
    name: 'an undo that takes away what somebody else has put there',
    caughtBy: 'node-zlib/install',
    edits: [
      {
        file: 'node-zlib/install.ts',
        from: '?.value === swap.pooled',
        to: '?.value !== undefined',
      },
    ],
  },
];
