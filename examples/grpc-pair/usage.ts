/**
 * Resources that this process uses. Without zlease/register, the functions of node:zlib are wrapped
 * in others that count their calls: each creates an engine. May not be imported after a module that
 * takes a function out of node:zlib.
 */
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';
import { DecompressStream, defaultPool } from 'zlease';
import type { Usage } from './service.ts';

const isPooled = zlib.createGunzip() instanceof DecompressStream;
let calls = 0;

if (!isPooled) {
  const functions = zlib as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ['gzip', 'gunzip', 'createGzip', 'createGunzip']) {
    const original = functions[name] as (...args: unknown[]) => unknown;
    const counting = (...args: unknown[]): unknown => {
      calls += 1;
      return original(...args);
    };
    Object.defineProperty(zlib, name, { value: counting });
  }
  syncBuiltinESMExports();
}

let start = process.cpuUsage();

/** Begins the measurement. The process has warmed up. The engines of a pool are all counted. */
export function startUsage(): void {
  start = process.cpuUsage();
  calls = 0;
}

export function usage(): Usage {
  const { user, system } = process.cpuUsage(start);
  const { created, leased } = defaultPool.stats;
  return {
    cpuUs: user + system,
    peakMemory: process.resourceUsage().maxRSS * 1024,
    engines: isPooled ? created : calls,
    leased,
  };
}
