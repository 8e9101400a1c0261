/** A service of bytes, without proto: one method of each kind, as grpc-js's clients and servers take it. */
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type Metadata,
  makeGenericClientConstructor,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';

export const kinds = ['unary', 'clientStream', 'serverStream', 'bidi'] as const;
export type Kind = (typeof kinds)[number];

export const pathOf = (kind: Kind): string => `/spec.Bytes/${kind}`;

const asIs = (bytes: Buffer): Buffer => bytes;

function method(kind: Kind) {
  return {
    path: pathOf(kind),
    requestStream: kind === 'clientStream' || kind === 'bidi',
    responseStream: kind === 'serverStream' || kind === 'bidi',
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

export const service = {
  unary: method('unary'),
  clientStream: method('clientStream'),
  serverStream: method('serverStream'),
  bidi: method('bidi'),
};

export const BytesClient = makeGenericClientConstructor(service, 'Bytes');

type Answered = (error: ServiceError | null, reply?: Buffer) => void;

/** What an instance of `BytesClient` has. */
export interface Bytes extends Client {
  unary(request: Buffer, metadata: Metadata, options: object, answered: Answered): ClientUnaryCall;
  clientStream(metadata: Metadata, options: object, answered: Answered): ClientWritableStream<Buffer>;
  serverStream(request: Buffer, metadata: Metadata, options: object): ClientReadableStream<Buffer>;
  bidi(metadata: Metadata, options: object): ClientDuplexStream<Buffer, Buffer>;
}

/** A unary reply as the streams of replies come; a call's end is its status, good or bad. */
export interface Outcome {
  code: number;
  details: string;
  replies: Buffer[];
}

export type Call = ClientUnaryCall | ClientWritableStream<Buffer> | ClientReadableStream<Buffer>;

function listenTo<T extends ClientReadableStream<Buffer>>(call: T, replies: Buffer[]): T {
  call.on('data', (reply: Buffer) => replies.push(reply));
  call.on('error', () => undefined);
  return call;
}

/** Makes one call, of any kind, with all of its requests. `made` gets the call while it is under way. */
export function callWith(
  client: Bytes,
  kind: Kind,
  requests: Buffer[],
  metadata: Metadata,
  options: object = {},
  made: (call: Call) => void = () => undefined,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const replies: Buffer[] = [];
    const answered: Answered = (_, reply) => {
      if (reply !== undefined) replies.push(reply);
    };
    const [first] = requests as [Buffer];
    let call: Call;
    if (kind === 'unary') {
      call = client.unary(first, metadata, options, answered);
    } else if (kind === 'serverStream') {
      call = listenTo(client.serverStream(first, metadata, options), replies);
    } else {
      const stream =
        kind === 'clientStream'
          ? client.clientStream(metadata, options, answered)
          : listenTo(client.bidi(metadata, options), replies);
      for (const request of requests) stream.write(request);
      stream.end();
      call = stream;
    }
    call.on('status', ({ code, details }: StatusObject) => {
      const end = () => resolve({ code, details, replies });
      // It comes before a unary call's answer, in the same turn, and before replies of a stream that wait to be read.
      if (code !== 0 || !('read' in call) || call.readableEnded) setImmediate(end);
      else call.once('end', end);
    });
    made(call);
  });
}
