/** Stage that converts messages one by one. Each message is converted while the stage holds it. */
import type { Transform, TransformOptions } from 'node:stream';
import { transform } from 'through2';
import { codedError } from '../errors.ts';
import type { ZlibPool } from '../node-zlib/pool.ts';
import type { Message as Task } from '../streams/message.ts';

/** The pool of a stage. */
export interface StageOptions {
  /** Pool that leases the engines. Default: `defaultPool`. */
  pool?: ZlibPool;
}

type Done<Result> = (error?: Error | null, data?: Result) => void;

/**
 * Returns a stage that converts its messages one by one, with a lease for each. A stage that is
 * destroyed discards the engine of its message once no native write is in flight.
 * @param task - returns the task for a message. The stage fails with an error that it throws
 * @param result - returns the message to emit. The stage fails with an error that it throws
 */
export function converter<Message, Result>(
  options: TransformOptions,
  task: (message: Message, done: (error: Error | null, output?: Buffer) => void) => Task,
  result: (message: Message, output: Buffer) => Result,
): Transform {
  let current: Task | undefined;
  const stage = transform(options as object, (message: Message, _encoding: unknown, callback: Done<Result>) => {
    try {
      current = task(message, (error, output) => {
        current = undefined;
        if (error !== null) callback(error);
        else hand(message, output as Buffer, callback);
      });
    } catch (error) {
      callback(error as Error);
      return;
    }
    // Outside the try: the stage must not catch an exception of one of its listeners.
    current.start();
  }) as unknown as Transform;

  function hand(message: Message, output: Buffer, callback: Done<Result>): void {
    let data: Result;
    try {
      data = result(message, output);
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback(null, data);
  }
  return stage.once('close', () => current?.destroy(codedError('ABORT_ERR')));
}
