/** Memory of this process, as far as it depends on the work done and not on when V8 or the machine gets to something. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { collectGarbage } from './until.ts';

const STATUS = '/proc/self/status';

/**
 * Collects garbage, and frees the memory of its array buffers: V8 does that on another thread, which the next
 * collection waits for.
 */
export function collectAll(): void {
  collectGarbage();
  collectGarbage();
}

/** Starts to look for the peak of rss. Returns a function for the bytes between rss now and the peak since. */
export function watchPeak(): () => number {
  collectAll();
  try {
    // Linux: the peak so far, of start-up, is forgotten.
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {}
  const base = process.memoryUsage.rss();
  return () => peakRss() - base;
}

/** Of this process alone. Linux counts into `maxRSS` the peak of the process that started this one. Bytes. */
export function peakRss(): number {
  const kilobytes = existsSync(STATUS) ? /^VmHWM:\s+(\d+)/m.exec(readFileSync(STATUS, 'utf8'))?.[1] : undefined;
  return Number(kilobytes ?? process.resourceUsage().maxRSS) * 1024;
}
