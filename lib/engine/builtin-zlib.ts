/**
 * The module `node:zlib` itself. A loader hook that wraps modules, as those of tracing do, gives an import a copy of the
 * module's exports, made at the first import. No file of the library imports `node:zlib`: `install()` has to change the module
 * itself, and before the first copy is made.
 */
export const zlib: typeof import('node:zlib') = process.getBuiltinModule('node:zlib');

export const constants: typeof zlib.constants = zlib.constants;
