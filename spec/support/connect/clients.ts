/** Clients of the echo service: each protocol of connect-node's, and grpc-js. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { BytesValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { HttpVersion } from './server.ts';
import { Echo, PATH } from './service.ts';

export interface ClientOptions {
  /** Of requests, and what is asked for of replies. */
  compression: Compression;
  readMaxBytes?: number | undefined;
}

export interface EchoClient {
  one(bytes: Uint8Array): Promise<Uint8Array>;
  /** Where both sides can stream at a time. */
  many?(messages: Uint8Array[]): Promise<Uint8Array[]>;
  close(): void;
}

export interface ClientKind {
  name: string;
  httpVersion: HttpVersion;
  /** The only format that it has. */
  only?: string;
  open(origin: string, options: ClientOptions): EchoClient;
}

const transports = {
  gRPC: createGrpcTransport,
  'gRPC-Web': createGrpcWebTransport,
  Connect: createConnectTransport,
};

function connectNode(protocol: keyof typeof transports, httpVersion: HttpVersion): ClientKind {
  return {
    name: `connect-node, ${protocol} over HTTP/${httpVersion}`,
    httpVersion,
    open(origin, { compression, ...options }) {
      const sessionManager = new Http2SessionManager(origin);
      const createTransport = transports[protocol] as typeof createConnectTransport;
      const transport = createTransport({
        baseUrl: origin,
        ...(httpVersion === '2' ? { httpVersion, sessionManager } : { httpVersion }),
        sendCompression: compression,
        acceptCompression: [compression],
        ...options,
      });
      const client = createClient(Echo, transport);
      return {
        one: async (value) => (await client.one({ value })).value,
        async many(messages) {
          const requests = (async function* () {
            for (const value of messages) yield { value };
          })();
          const replies: Uint8Array[] = [];
          for await (const { value } of client.many(requests)) replies.push(value);
          return replies;
        },
        close: () => sessionManager.abort(),
      };
    },
  };
}

/** grpc-js compresses and decompresses for itself. */
const grpcJs: ClientKind = {
  name: 'grpc-js',
  httpVersion: '2',
  only: 'gzip',
  open(origin, { readMaxBytes }) {
    const client = new Client(new URL(origin).host, credentials.createInsecure(), {
      'grpc.default_compression_algorithm': 2,
      'grpc.max_receive_message_length': readMaxBytes ?? -1,
    });
    const serialize = (value: Uint8Array) =>
      Buffer.from(toBinary(BytesValueSchema, { $typeName: BytesValueSchema.typeName, value }));
    const deserialize = (message: Buffer) => fromBinary(BytesValueSchema, message).value;
    return {
      one: (value) =>
        new Promise((resolve, reject) => {
          client.makeUnaryRequest(PATH, serialize, deserialize, value, (error, reply) => {
            if (error === null) resolve(reply as Uint8Array);
            else reject(error);
          });
        }),
      close: () => client.close(),
    };
  },
};

export const clientKinds: readonly ClientKind[] = [
  connectNode('gRPC', '2'),
  connectNode('Connect', '2'),
  connectNode('Connect', '1.1'),
  connectNode('gRPC-Web', '1.1'),
  grpcJs,
];

/** Runs `run` with a client that hangs up after it. */
export async function connected<T>(
  { open }: ClientKind,
  origin: string,
  options: ClientOptions,
  run: (client: EchoClient) => Promise<T>,
): Promise<T> {
  const client = open(origin, options);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

/** What a call came to, in a form that can be compared: names of codes are the same for gRPC and Connect. */
export async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ConnectError) return { code: Code[error.code], message: error.rawMessage };
    const { code, details } = error as ServiceError;
    return { code: status[code], message: details };
  }
}
