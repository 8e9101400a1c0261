/** A gRPC message that says it is compressed and has no bytes, `[1][0 0 0 0]`: refused alike everywhere, as grpc-js refuses it. */
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { Client, credentials, type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { createCompressions, decompressMessages, frameDecoder, toStatus, ZlibPool } from '../support/library.ts';
import { formats } from '../support/samples.ts';

const emptyFrame = Buffer.from([1, 0, 0, 0, 0]);
const bytes = (message: Buffer): Buffer => message;

/** The status with which grpc-js's server answers a request that is the frame. */
async function answered(encoding: string): Promise<number> {
  const server = new Server();
  const echo: handleUnaryCall<Buffer, Buffer> = (call, callback) => callback(null, call.request);
  const method = {
    path: '/spec/echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  server.addService({ echo: method }, { echo });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const headers = { 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': encoding };
    const request = session.request({ ':method': 'POST', ':path': method.path, ...headers });
    // With an error there are no trailers, but headers alone.
    request.end(emptyFrame);
    const [response] = await once(request, 'response');
    return Number(response['grpc-status']);
  } finally {
    session.destroy();
    server.forceShutdown();
  }
}

/** The status that grpc-js's client makes of a response that is the frame. */
async function received(encoding: string): Promise<number | undefined> {
  const server = createServer();
  server.on('stream', (stream) => {
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': encoding };
    stream.respond(headers, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume().end(emptyFrame);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Client(`127.0.0.1:${(server.address() as AddressInfo).port}`, credentials.createInsecure());
  try {
    return await new Promise((resolve) =>
      client.makeUnaryRequest('/spec/echo', bytes, bytes, Buffer.from('x'), (error) => resolve(error?.code)),
    );
  } finally {
    client.close();
    server.close();
  }
}

async function failureOf(running: Promise<unknown>): Promise<unknown> {
  return running.then(
    (value) => ({ value }),
    (error) => error,
  );
}

describe('A gRPC message that says it is compressed and is empty', () => {
  for (const encoding of ['gzip', 'deflate']) {
    it(`is INTERNAL in grpc-js, in a server and in a client (${encoding})`, async () => {
      expect(await answered(encoding)).to.equal(status.INTERNAL);
      expect(await received(encoding)).to.equal(status.INTERNAL);
    });
  }

  // On Node 22, node:zlib takes no bytes for zstd data.
  const refusing = formats.filter((format) => format !== 'zstd' || Number.parseInt(process.versions.node, 10) > 22);

  for (const format of refusing.filter((name) => ['gzip', 'deflate', 'br', 'zstd'].includes(name))) {
    it(`is INTERNAL in frameDecoder(), decompressMessages() and zlease/connect (${format})`, async () => {
      const pool = new ZlibPool();
      const { decompress } = createCompressions({ pool }).find(({ name }) => name === format) ?? {};
      const failures = await Promise.all([
        failureOf(
          Readable.from([emptyFrame])
            .compose(frameDecoder({ pool, encoding: format }))
            .toArray(),
        ),
        failureOf(
          Readable.from([{ payload: Buffer.alloc(0) }])
            .compose(decompressMessages<{ payload: Buffer }>({ pool, format, field: 'payload' }))
            .toArray(),
        ),
        // What connect-node knows as deflate, zlease/connect has no name for.
        ...(decompress === undefined ? [] : [failureOf(decompress(new Uint8Array(0), 1_000))]),
      ]);
      expect(failures).to.have.lengthOf(format === 'deflate' ? 2 : 3);
      for (const failure of failures) {
        expect(toStatus(failure).code).to.equal(status.INTERNAL);
        const { code } = ((failure as Error).cause ?? failure) as NodeJS.ErrnoException;
        expect(code).to.equal('Z_BUF_ERROR');
      }
      expect(pool.stats).to.include({ leased: 0, leaked: 0 });
    });
  }
});
