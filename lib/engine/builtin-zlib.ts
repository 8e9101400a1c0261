/**
 * The module `node:zlib` itself. A loader hook that wraps modules, such as a tracer's, gives an
 * import a copy of the module's exports, made at the first import. `install()` must change the
 * module itself, before the first copy is made. An import in the library would make that copy. So
 * no file of the library may import values of `node:zlib`.
 */
export const zlib: typeof import('node:zlib') = process.getBuiltinModule('node:zlib');

export const constants: typeof zlib.constants = zlib.constants;

/** `zlib.crc32()`, of Node 20.15 and later. */
export const { crc32 } = zlib as unknown as { crc32(data: Uint8Array, start?: number): number };
