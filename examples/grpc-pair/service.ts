/** The service's definition, for server and client, and the messages between the processes. */
import { fileURLToPath } from 'node:url';
import {
  type ClientDuplexStream,
  type ClientWritableStream,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** Data of one message: a part of a gzip stream, or a record. */
export interface Piece {
  data: Buffer;
}

/** Facts about a file, by the server. */
export interface Receipt {
  sha256: string;
  length: number;
  lines: number;
}

const proto = loadPackageDefinition(
  loadSync(fileURLToPath(new URL('files.proto', import.meta.url)), { longs: Number }),
);

export const Files = (proto as unknown as { zlease: { example: { Files: ServiceClientConstructor } } }).zlease.example
  .Files;

export interface FilesClient {
  put(reply: (error: ServiceError | null, receipt?: Receipt) => void): ClientWritableStream<Piece>;
  echo(): ClientDuplexStream<Piece, Piece>;
  close(): void;
}

/** Resources that a process has used. */
export interface Usage {
  /** CPU time since the start of the work, in microseconds. */
  cpuUs: number;
  /** Peak of resident memory, in bytes. */
  peakMemory: number;
  /** Engines of zlib that were created. */
  engines: number;
  /** Engines that are leased now. */
  leased: number;
}
