/** The jobs of `npm start`: real data, and the way it goes to the server. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../..', import.meta.url));

/** A part of a file, from byte `start` up to but not including `end`. */
export interface Part {
  path: string;
  start: number;
  end: number;
  /** Whether it is damaged on its way, on purpose. The server has to refuse it. */
  isDamaged: boolean;
}

export interface Job {
  name: string;
  /** Messages, each for one echo. Or: parts of files, each for one upload. */
  messages?: string[];
  parts?: Part[];
}

/** Most bytes of a file that the caller has not named. The Node executable has 100 MB. */
const MOST_OF_A_FILE = 2 ** 24;

/**
 * Returns the parts of files, of at most `partLength` bytes each, and one of them once more, damaged.
 * @param most - most bytes of a file
 */
async function partsOf(paths: readonly string[], partLength: number, most: number): Promise<Part[]> {
  const parts: Part[] = [];
  for (const path of paths) {
    const size = Math.min((await stat(path)).size, most);
    for (let start = 0; start === 0 || start < size; start += partLength) {
      parts.push({ path, start, end: Math.min(start + partLength, size), isDamaged: false });
    }
  }
  const longest = parts.reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));
  parts.splice(parts.length >> 1, 0, { ...longest, isDamaged: true });
  return parts;
}

async function linesOf(paths: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');
}

/** Returns the records of package-lock.json, each as JSON. */
async function records(): Promise<string[]> {
  const { packages } = JSON.parse(await readFile(join(top, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).map(([path, about]) => JSON.stringify({ path, ...(about as object) }));
}

async function sources(): Promise<string[]> {
  const entries = await readdir(join(top, 'lib'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Returns `count` messages, from the first to the last and again from the first. */
function repeated(messages: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, i) => messages[i % messages.length] as string);
}

/**
 * Returns the jobs.
 * @param files - files of the caller. Without any: the files of this repository, and the Node
 * executable
 * @param count - messages of each job but uploads
 */
export async function jobsFor(files: readonly string[], count: number, partLength: number): Promise<Job[]> {
  const isOwn = files.length > 0;
  const lines = await linesOf(isOwn ? files : await sources());
  const uploads = isOwn ? files : [process.execPath, join(top, 'package-lock.json')];
  return [
    ...(isOwn ? [] : [{ name: 'JSON records', messages: repeated(await records(), count) }]),
    ...(lines.length > 0 ? [{ name: 'lines of text', messages: repeated(lines, count) }] : []),
    { name: 'uploads of files', parts: await partsOf(uploads, partLength, isOwn ? Infinity : MOST_OF_A_FILE) },
  ];
}

/** Returns a part of a job that gets the code of both processes compiled. */
export function warmUp({ name, messages, parts }: Job): Job {
  if (messages !== undefined) return { name, messages: messages.slice(0, 2_000) };
  return { name, parts: (parts ?? []).filter(({ isDamaged }) => !isDamaged).slice(0, 50) };
}
