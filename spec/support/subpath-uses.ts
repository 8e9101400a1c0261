/**
 * One small use of each subpath that package.json's `exports` lists. The package spec runs each as ESM and as CommonJS, and compiles it as both
 * kinds of TypeScript.
 */

export interface Use {
  /** Runs within an async function. `it` is the module; `zlib` and `stream` are Node's; `require` is there too. Valid TypeScript, too. */
  code: string;
  /** What it prints. */
  prints: string;
  /** Optional peers that the module imports, or that the use needs. */
  peers?: string[];
  /** What the types must refuse: each line is compiled, in the same function, and must be wrong. */
  refused?: string[];
}

export const uses: Readonly<Record<string, Use>> = {
  '.': {
    code: `
      const pool = new it.ZlibPool({ maxIdle: 3, inline: { turnLength: 0 } });
      const decompressed = await stream.Readable.from([zlib.gzipSync('unpacked')]).pipe(pool.createGunzip({ maxOutputLength: 9 })).toArray();
      console.log(Buffer.concat(decompressed).toString(), pool.stats.created, it.errorCodes.includes('ERR_LEASE_SEALED'));`,
    prints: 'unpacked 1 true',
    refused: [
      'pool.tryLeaseKind;',
      'pool.settings;',
      'new it.ZlibPool({ maxIdel: 3 });',
      'pool.stats.leased = 1;',
      "pool.createDecompress('lzma');",
    ],
  },
  './connect': {
    code: `
      const [gzip] = it.createCompressions();
      const message = await gzip.decompress(await gzip.compress(new TextEncoder().encode('unpacked')), 100);
      console.log(gzip.name, new TextDecoder().decode(message));`,
    prints: 'gzip unpacked',
    peers: ['@connectrpc/connect'],
    refused: ['it.createCompressions({ pool: {} });'],
  },
  './grpc': {
    code: `
      const messages = stream.Readable.from([{ id: 1, data: zlib.gzipSync('unpacked') }]);
      const stage = it.decompressMessages<{ id: number; data: Buffer }>({ format: 'gzip', field: 'data' });
      for await (const { data } of messages.pipe(stage)) console.log(String(data), it.toStatus(new Error()).code);`,
    prints: 'unpacked 2',
    refused: [
      "it.decompressMessages<{ data: Buffer }>({ format: 'gzip', field: 'date' });",
      'it.frameDecoder({ maxMessageLength: "4 MB" });',
    ],
  },
  './http': {
    code: `
      const decode: it.DecodeMiddleware = it.decodeRequests({ maxOutputLength: 9 });
      const body = it.decodeBody(stream.Readable.from([zlib.gzipSync('unpacked')]), 'gzip');
      for await (const chunk of body) console.log(String(chunk), decode.length);`,
    prints: 'unpacked 3',
    refused: ['it.decodeRequests({ maxLength: 9 });', "it.decodeBody('unpacked', 'gzip');"],
  },
  './web': {
    code: `
      const blob = new Blob([zlib.gzipSync('unpacked')]);
      console.log(await new Response(blob.stream().pipeThrough(new it.DecompressionStream('gzip'))).text());`,
    prints: 'unpacked',
    refused: ["new it.DecompressionStream('lzma');", "new it.DecompressionStream('gzip', { maxRatio: 3 });"],
  },
  './prometheus': {
    code: `
      const { defaultPool } = await import('zlease');
      const { Registry } = await import('prom-client');
      const register = new Registry();
      const stop: () => void = it.collectPool(defaultPool, { register });
      console.log(/^zlease_engines_idle.*$/m.exec(await register.metrics())?.[0]);
      stop();`,
    prints: 'zlease_engines_idle{pool="default"} 0',
    peers: ['prom-client'],
    refused: ['it.collectPool(defaultPool, {});'],
  },
  './register': {
    code: `
      void it;
      const { defaultPool } = await import('zlease');
      for await (const chunk of stream.Readable.from([zlib.gzipSync('unpacked')]).pipe(zlib.createGunzip())) console.log(String(chunk));
      console.log(defaultPool.stats.created);`,
    prints: 'unpacked\n2',
    refused: ['it.install();'],
  },
  './package.json': {
    code: `
      console.log(it.name);`,
    prints: 'zlease',
  },
};
