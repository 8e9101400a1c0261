/** The service's definition, for server and client. */
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** The part of a gzip stream that one message carries. */
export interface Piece {
  data: Buffer;
}

/** What the server found in the file. */
export interface Receipt {
  sha256: string;
  length: number;
  lines: number;
}

const proto = loadPackageDefinition(
  loadSync(fileURLToPath(new URL('upload.proto', import.meta.url)), { longs: Number }),
);

export const Upload = (proto as unknown as { zlease: { example: { Upload: ServiceClientConstructor } } }).zlease.example
  .Upload;
