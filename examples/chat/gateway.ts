/**
 * The parts that both of the pair share: a gateway that sends the messages of each connection through one deflate stream, each
 * message ended by a sync flush, and clients that decode them. The window is kept, so that a message is short once its words were
 * sent before. Chat gateways and WebSockets with context takeover (RFC 7692) work like this. One connection is damaged.
 */
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { constants, createDeflate } from 'node:zlib';

const { packages } = JSON.parse(await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'));
const messages: readonly string[] = Object.entries(packages).map(([name, entry]) =>
  JSON.stringify({ op: 0, name, entry }),
);

/** The connection whose messages are damaged from the tenth on. */
const DAMAGED = 3;
const HEADER_LENGTH = 4;

/** Decodes the messages of one connection. */
export interface Decoder {
  decode(message: Buffer): Buffer | Promise<Buffer>;
  close(): void;
}

async function send(socket: Socket, isDamaged: boolean): Promise<void> {
  const deflate = createDeflate();
  for (const [i, message] of messages.entries()) {
    deflate.write(message);
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    const bytes: Buffer = deflate.read();
    if (isDamaged && i >= 9) bytes.fill(0xff);
    const header = Buffer.alloc(HEADER_LENGTH);
    header.writeUInt32BE(bytes.length);
    socket.write(Buffer.concat([header, bytes]));
  }
  deflate.close();
  socket.end();
}

async function* framesOf(socket: Socket): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of socket) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= HEADER_LENGTH && held.length >= HEADER_LENGTH + held.readUInt32BE(0)) {
      const end = HEADER_LENGTH + held.readUInt32BE(0);
      yield held.subarray(HEADER_LENGTH, end);
      held = held.subarray(end);
    }
  }
}

/** @param open - makes the decoder of a connection, stock or pooled: all else is the same */
export async function chat(open: () => Decoder | Promise<Decoder>): Promise<void> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {});
    void send(socket, connections === DAMAGED);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let decoded = 0;
  let bytesIn = 0;
  let bytesOut = 0;
  for (let i = 0; i < 6; i++) {
    const socket = connect(port, '127.0.0.1');
    const decoder = await open();
    try {
      for await (const frame of framesOf(socket)) {
        const text = await decoder.decode(frame);
        if (text.toString() !== messages[decoded % messages.length]) throw new Error('a message is not as it was sent');
        decoded += 1;
        bytesIn += frame.length;
        bytesOut += text.length;
      }
    } catch (error) {
      decoded -= decoded % messages.length;
      console.log(`connection ${i + 1}: ${(error as NodeJS.ErrnoException).code}`);
    } finally {
      decoder.close();
      socket.destroy();
    }
  }
  server.close();
  console.log(`${decoded} messages of whole connections, ${bytesIn} bytes became ${bytesOut}`);
}
