/**
 * `zlease/register` for `require()` and `-r`. A preloaded module also runs in the thread of loader
 * hooks. Node 22 can't require an ES module with imports in that thread. The thread is then left
 * unchanged, and the process starts.
 */
const { isMainThread } = process.getBuiltinModule('node:worker_threads');

try {
  require('./register.js');
} catch (error) {
  if (isMainThread || (error as NodeJS.ErrnoException).code !== 'ERR_METHOD_NOT_IMPLEMENTED') throw error;
}
