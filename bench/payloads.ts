/** Seeded payloads: the same bytes in every run and on every machine. */

/** A small random generator (mulberry32): seeded, which Math.random is not. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Records as a service sends them, cut at `length` bytes. */
export function json(length: number, seed: number): Buffer {
  const next = random(seed);
  const words = ['alpha', 'bravo', 'charlie', 'delta', 'echo', 'foxtrot', 'golf', 'hotel', 'india', 'juliett'];
  const word = () => words[Math.floor(next() * words.length)];
  const records: string[] = [];
  for (let size = 0; size < length; size += (records.at(-1) as string).length + 1) {
    records.push(
      JSON.stringify({
        id: Math.floor(next() * 1e9),
        user: `${word()}.${word()}`,
        score: Number(next().toFixed(6)),
        tags: [word(), word()],
        active: next() > 0.5,
      }),
    );
  }
  return Buffer.from(records.join('\n')).subarray(0, length);
}
