/** The result of `npm start` as a picture: a bar for each run, and the ratio of two. */
import { styleText } from 'node:util';

/** One job, done in one way. */
export interface Run {
  job: string;
  variant: string;
  calls: number;
  messages: number;
  /** Bytes that were sent, uncompressed. */
  length: number;
  seconds: number;
  /** CPU time of both processes, in microseconds. */
  cpuUs: number;
  /** Peak of resident memory, the sum of both processes, in bytes. */
  peakMemory: number;
  /** Engines of zlib that both processes created. */
  engines: number;
  /** Engines that are still leased. */
  leased: number;
  digestsMatch: boolean;
  refusals: string[];
}

const BAR_LENGTH = 30;
const EIGHTHS = [...' ▏▎▍▌▋▊▉'];

/** Returns a bar of `share` of the full length, to an eighth of a character. */
function bar(share: number): string {
  const eighths = Math.max(1, Math.round(share * BAR_LENGTH * 8));
  const text = '█'.repeat(eighths >> 3) + (eighths % 8 > 0 ? EIGHTHS[eighths % 8] : '');
  return text.padEnd(BAR_LENGTH);
}

const paint = (color: 'green' | 'gray' | 'bold', text: string): string =>
  process.stdout.isTTY && !process.env.NO_COLOR ? styleText(color, text) : text;
const whole = (value: number): string => Math.round(value).toLocaleString('en');
const megabytes = (length: number): string => `${whole(length / 1e6)} MB`;

const speed = ({ messages, seconds }: Run): number => messages / seconds;
const cpu = ({ messages, cpuUs }: Run): number => cpuUs / messages;

/** Returns the lines of one job. */
function lines(runs: readonly Run[]): string[] {
  const [first, second] = runs as [Run, Run | undefined];
  const fastest = Math.max(...runs.map(speed));
  const head = `${paint('bold', first.job)}: ${whole(first.messages)} messages in ${whole(first.calls)} calls, ${(first.length / 1e6).toFixed(1)} MB`;
  const rows = runs.map((run) => {
    const color = run.variant === 'zlease' ? 'green' : 'gray';
    const numbers = [
      `${whole(speed(run)).padStart(7)}/s`,
      `${whole(cpu(run)).padStart(7)} µs`,
      megabytes(run.peakMemory).padStart(8),
      whole(run.engines).padStart(8),
    ];
    return `  ${run.variant.padEnd(10)} ${paint(color, bar(speed(run) / fastest))} ${numbers.join('  ')}`;
  });
  if (second === undefined) return [head, ...rows, ''];
  const times = (speed(second) / speed(first)).toFixed(1);
  const share = (cpu(second) / cpu(first)).toFixed(2);
  return [head, ...rows, `${' '.repeat(13)}${paint('bold', `${times} times as fast`)}, ${share} of the CPU time`, ''];
}

/** Returns the picture, at most 100 columns wide. */
export function show(runs: readonly Run[], atATime: number): string {
  const jobs = [...new Set(runs.map(({ job }) => job))];
  const mismatch = runs.find(({ digestsMatch }) => !digestsMatch);
  const refusals = [...new Set(runs.flatMap((run) => run.refusals))];
  return [
    '',
    `gRPC on grpc-js, a server and a client process, gzip both ways, ${atATime} calls at a time, Node ${process.versions.node}`,
    '',
    `${' '.repeat(13)}${' '.repeat(BAR_LENGTH)} ${'messages'.padStart(9)}  ${'CPU each'.padStart(10)}  ${'memory'.padStart(8)}  ${'engines'.padStart(8)}`,
    ...jobs.flatMap((job) => lines(runs.filter((run) => run.job === job))),
    mismatch === undefined
      ? 'All digests match.'
      : `The bytes of "${mismatch.job}" with ${mismatch.variant} are not those that were sent.`,
    refusals.length === 0
      ? 'The damaged upload was not refused.'
      : `The damaged upload alone was refused: ${refusals.join('; ')}.`,
    `Engines still leased: ${runs.reduce((sum, { leased }) => sum + leased, 0)}.`,
  ].join('\n');
}
