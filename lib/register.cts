/**
 * `zlease/register` for `require()` and `-r`. A preloaded module also runs in the thread of loader hooks. On Node 22 an ES module with
 * imports can't be required there: that thread is left as it is, and the process starts.
 */
const { isMainThread } = process.getBuiltinModule('node:worker_threads');

try {
  require('./register.js');
} catch (error) {
  if (isMainThread || (error as NodeJS.ErrnoException).code !== 'ERR_METHOD_NOT_IMPLEMENTED') throw error;
}
