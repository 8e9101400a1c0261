/** Creates the engine for a kind. */
import type { Engine } from './contract.ts';
import { Deflater, NativeEncoder } from './encoder.ts';
import { GzipEncoder } from './gzip-encoder.ts';
import type { EngineKind } from './kind.ts';
import { NativeEngine } from './native.ts';

/**
 * Creates a native engine.
 * @throws the error of node:zlib if there is no memory
 */
export function nativeEngine(kind: EngineKind): Engine {
  const { compresses, byZlib, isFramed } = kind.codec;
  if (!compresses) return new NativeEngine(kind);
  if (!byZlib) return new NativeEncoder(kind);
  return isFramed ? new GzipEncoder(kind) : new Deflater(kind);
}
