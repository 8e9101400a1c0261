/**
 * A peer for the MongoDB driver, on the loopback: one primary that keeps inserted documents in memory. It speaks as
 * much of OP_MSG and OP_COMPRESSED as `hello`, `insert`, `find` and `getMore` take.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import zlib from 'node:zlib';
import { BSON, type Document } from 'mongodb';
import * as stock from './stock.ts';

const OP_MSG = 2013;
const OP_COMPRESSED = 2012;
const HEADER_LENGTH = 16;
/** The header, and then the opcode within, its length and the compressor. */
const COMPRESSED_HEADER_LENGTH = HEADER_LENGTH + 9;
const MORE_TO_COME = 2;

type Compress = (data: Uint8Array) => Buffer;
type StreamClass = new () => NodeJS.ReadWriteStream;

/** Node 20 has no zstd, and neither have its types. */
const { ZstdDecompress } = zlib as { ZstdDecompress?: StreamClass };

interface Compressor {
  id: number;
  /** Function of node:zlib by which the driver decompresses. */
  decompressedBy: string;
  compress: Compress;
  /** zlease/register leaves classes as they are, so the report has the driver's calls and not the peer's. */
  Decompress: StreamClass;
}

export const compressors: Record<string, Compressor> = {
  zlib: {
    id: 2,
    decompressedBy: 'inflate',
    compress: stock.deflate,
    // Their types have no constructors.
    Decompress: (zlib as unknown as { Inflate: StreamClass }).Inflate,
  },
  ...(stock.zstd === undefined || ZstdDecompress === undefined
    ? {}
    : { zstd: { id: 3, decompressedBy: 'zstdDecompress', compress: stock.zstd, Decompress: ZstdDecompress } }),
};

/** Damages the compressed bytes of a reply. */
export type Damage = (compressed: Buffer) => Buffer;

export class MongoPeer {
  /** Compressed replies, by the function of node:zlib that decompresses them. */
  readonly sent: Record<string, number> = {};
  /** Compressed requests that were received, by command. */
  readonly received: Record<string, number> = {};
  /** For the next reply only. */
  damage: Damage | undefined;
  readonly #documents: Document[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    this.#serve(socket).catch((error) => socket.destroy(error));
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `mongodb://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  async #serve(socket: Socket): Promise<void> {
    let pending = Buffer.alloc(0);
    for await (const chunk of socket) {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= HEADER_LENGTH && pending.length >= pending.readInt32LE(0)) {
        const length = pending.readInt32LE(0);
        await this.#answer(socket, pending.subarray(0, length));
        pending = pending.subarray(length);
      }
    }
  }

  async #answer(socket: Socket, message: Buffer): Promise<void> {
    let body = message.subarray(HEADER_LENGTH);
    let opcode = message.readInt32LE(12);
    let compressor: Compressor | undefined;
    if (opcode === OP_COMPRESSED) {
      opcode = body.readInt32LE(0);
      compressor = Object.values(compressors).find(({ id }) => id === body[8]) as Compressor;
      const stream = new compressor.Decompress();
      stream.end(body.subarray(9));
      body = await buffer(stream);
    }
    if (opcode !== OP_MSG) throw new Error(`unknown opcode ${opcode}`);
    const command = commandOf(body);
    const [name] = Object.keys(command) as [string];
    if (compressor !== undefined) this.received[name] = (this.received[name] ?? 0) + 1;
    const reply = this.#run(name, command);
    if ((body.readUInt32LE(0) & MORE_TO_COME) === 0) this.#send(socket, message.readInt32LE(4), reply, compressor);
  }

  #run(name: string, command: Document): Document {
    switch (name) {
      case 'hello':
        return {
          isWritablePrimary: true,
          maxBsonObjectSize: 16_777_216,
          maxMessageSizeBytes: 48_000_000,
          maxWriteBatchSize: 100_000,
          minWireVersion: 0,
          maxWireVersion: 21,
          compression: (command.compression ?? []).filter((compression: string) => compression in compressors),
          ok: 1,
        };
      case 'insert':
        this.#documents.push(...command.documents);
        return { n: command.documents.length, ok: 1 };
      case 'find':
        return this.#batch('firstBatch', 0, Math.min(command.batchSize ?? 101, command.limit || 101), command);
      case 'getMore':
        return this.#batch(
          'nextBatch',
          Number(command.getMore),
          command.batchSize ?? Number.POSITIVE_INFINITY,
          command,
        );
      case 'endSessions':
      case 'ping':
        return { ok: 1 };
      default:
        return { ok: 0, errmsg: `no such command: ${name}`, code: 59, codeName: 'CommandNotFound' };
    }
  }

  /** Its cursors are the number of documents that they have given, plus one. */
  #batch(name: string, cursor: number, length: number, command: Document): Document {
    const { find, collection, $db, singleBatch } = command;
    const from = Math.max(0, cursor - 1);
    const documents = this.#documents.slice(from, from + length);
    const next = from + documents.length;
    const hasMore = next < this.#documents.length && !singleBatch;
    const id = BSON.Long.fromNumber(hasMore ? next + 1 : 0);
    return { cursor: { id, ns: `${$db}.${find ?? collection}`, [name]: documents }, ok: 1 };
  }

  #send(socket: Socket, responseTo: number, reply: Document, compressor: Compressor | undefined): void {
    // Flags, and one section of the kind that is a document.
    const body = Buffer.concat([Buffer.alloc(5), BSON.serialize(reply)]);
    if (compressor === undefined) {
      socket.write(Buffer.concat([headerOf(HEADER_LENGTH, body.length, responseTo, OP_MSG), body]));
      return;
    }
    const { id, decompressedBy, compress } = compressor;
    this.sent[decompressedBy] = (this.sent[decompressedBy] ?? 0) + 1;
    const { damage } = this;
    this.damage = undefined;
    const compressed = damage?.(compress(body)) ?? compress(body);
    const header = headerOf(COMPRESSED_HEADER_LENGTH, compressed.length, responseTo, OP_COMPRESSED);
    header.writeInt32LE(OP_MSG, HEADER_LENGTH);
    header.writeInt32LE(body.length, HEADER_LENGTH + 4);
    header.writeUInt8(id, HEADER_LENGTH + 8);
    socket.write(Buffer.concat([header, compressed]));
  }
}

function headerOf(headerLength: number, bodyLength: number, responseTo: number, opcode: number): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeInt32LE(headerLength + bodyLength, 0);
  header.writeInt32LE(1, 4);
  header.writeInt32LE(responseTo, 8);
  header.writeInt32LE(opcode, 12);
  return header;
}

/** The command of an OP_MSG: a document, and lists of documents that are fields of it. */
function commandOf(body: Buffer): Document {
  const command: Document = {};
  for (let at = 4; at < body.length; ) {
    const kind = body[at];
    const length = body.readInt32LE(at + 1);
    const section = body.subarray(at + 1, at + 1 + length);
    if (kind === 0) {
      Object.assign(command, BSON.deserialize(section));
    } else {
      const end = section.indexOf(0, 4);
      const documents: Document[] = [];
      for (let next = end + 1; next < length; next += section.readInt32LE(next)) {
        documents.push(BSON.deserialize(section.subarray(next, next + section.readInt32LE(next))));
      }
      command[section.toString('utf8', 4, end)] = documents;
    }
    at += 1 + length;
  }
  return command;
}
