/** What may happen to a pool, at random; each command does nothing where there is nothing to do it to. */
import fc from 'fast-check';
import { formats } from '../support/samples.ts';
import { endings, type LeaseClient } from './callers.ts';
import { dishes, lengths } from './samples.ts';
import type { StreamClient } from './streams.ts';
import { type Leaser, moments } from './watch.ts';
import type { Pass, PoolTerms, World } from './world.ts';

type Command = fc.AsyncCommand<World, object>;

/** Which of those that it may be done to, and how much passes after it. */
interface Turn {
  pick: number;
  pass: Pass;
}

const pass = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Pass>('nothing') },
  { weight: 2, arbitrary: fc.constant<Pass>('tick') },
  { weight: 2, arbitrary: fc.constant<Pass>('turn') },
  { weight: 3, arbitrary: fc.constant<Pass>('rest') },
);
const turn: fc.Arbitrary<Turn> = fc.record({ pick: fc.nat(255), pass });

function command(
  { pass }: Turn,
  what: string,
  may: (world: World) => boolean,
  act: (world: World) => void | Promise<void>,
): Command {
  return {
    check: may,
    run: (world) => world.step(what, () => act(world), pass),
    toString: () => `${what}, ${pass}`,
  };
}

/** Something that is done to one of those that it may be done to. */
function toOne<T, Details = undefined>(
  what: string,
  among: (world: World) => T[],
  act: (one: T, world: World, details: Details) => void | Promise<void>,
  details: fc.Arbitrary<Details> = fc.constant(undefined as never),
): fc.Arbitrary<Command> {
  return fc.tuple(turn, details).map(([at, more]) =>
    command(
      at,
      `${what}${more === undefined ? '' : ` (${more})`} #${at.pick}`,
      (world) => among(world).length > 0,
      (world) => {
        return act(some(among(world), at.pick) as T, world, more);
      },
    ),
  );
}

function some<T>(all: T[], pick: number): T | undefined {
  return all[pick % all.length];
}

const always = (): boolean => true;
const onceIn = (n: number): fc.Arbitrary<boolean> => fc.nat(n - 1).map((roll) => roll === n - 1);
const length = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...lengths.slice(0, 3)) },
  { weight: 2, arbitrary: fc.constantFrom(...lengths.slice(3)) },
);

const streamTerms = fc.record({
  dish: fc.constantFrom(...dishes),
  length,
  bad: onceIn(6),
  reader: fc.constantFrom('data', 'data', 'data', 'resume', 'readable', 'readable', 'none', 'none'),
  withSignal: onceIn(4),
  autoDestroy: fc.nat(7).map((roll) => roll < 7),
  emitClose: fc.nat(7).map((roll) => roll < 7),
});
const plainTerms = {
  dish: 'gzip',
  length: 700,
  bad: false,
  reader: 'data',
  withSignal: false,
  autoDestroy: true,
  emitClose: true,
} as const;
const messageTerms = fc.record({ length, bad: onceIn(4), withSignal: onceIn(2) });

const streams =
  (which: (client: StreamClient) => boolean) =>
  ({ streams }: World): StreamClient[] =>
    streams.filter(which);
const leases =
  (which: (client: LeaseClient) => boolean) =>
  ({ leases }: World): LeaseClient[] =>
    leases.filter(which);

const held = leases(({ held, given }) => held !== undefined && !given);
const given = leases(({ held, given }) => held !== undefined && given);
const ending = fc.constantFrom(...endings);

const open = fc
  .tuple(turn, streamTerms)
  .map(([at, terms]) => command(at, `a stream ${JSON.stringify(terms)}`, always, (world) => world.open(terms)));
/** Opens a few streams, and writes each at once. */
const openWhole = fc
  .tuple(turn, fc.array(streamTerms, { minLength: 1, maxLength: 4, size: 'max' }), fc.boolean())
  .map(([at, all, ends]) =>
    command(at, `whole streams ${JSON.stringify(all)} ${ends}`, always, (world) => {
      for (const terms of all) {
        world.open(terms);
        const client = world.streams.at(-1);
        client?.write(1);
        if (ends) client?.end();
      }
    }),
  );
const lease = fc
  .tuple(turn, fc.constantFrom(...formats), fc.constantFrom('now', 'now', 'later', 'later', 'with a signal', 'aborted'))
  .map(([at, format, way]) =>
    command(at, `a lease of ${format}, ${way}`, always, (world) => world.lease(format, way as 'now')),
  );
const message = fc
  .tuple(turn, fc.constantFrom(...formats), messageTerms, onceIn(3))
  .map(([at, format, terms, sync]) =>
    command(at, `a message in ${format} ${JSON.stringify({ ...terms, sync })}`, always, (world) =>
      world.decompress(format, { ...terms, sync }),
    ),
  );

const write = toOne(
  'write',
  streams(({ writable }) => writable),
  (client, _world, share) => client.write(share),
  fc.constantFrom(0.3, 0.7, 1, 1),
);
const end = toOne(
  'end',
  streams(({ endable }) => endable),
  (client) => client.end(),
);
const endWhole = toOne(
  'write the rest and end',
  streams(({ endable }) => endable),
  (client) => {
    if (client.writable) client.write(1);
    client.end();
  },
);
const live = streams(({ live }) => live);
const reading = toOne(
  'turn to',
  live,
  (client, _world, how) => client[how](),
  fc.constantFrom('read', 'resume', 'pause'),
);
const destroy = toOne(
  'end by force:',
  live,
  (client, _world, how) => client.destroy(how),
  fc.constantFrom('close', 'destroy', 'destroy with an error'),
);
const destroyAgain = toOne(
  'end again by force:',
  streams(({ closing }) => closing),
  (client, _world, how) => client.destroyAgain(how),
  fc.constantFrom('close', 'destroy'),
);
const forget = toOne('remove the listeners of close', live, (client) => client.forgetListeners());
const doors = toOne(
  'try every door',
  streams(({ closed }) => closed),
  (client) => client.tryDoors(),
);
const abortable = ({ streams, leases, messages }: World) =>
  [...streams, ...leases, ...messages].filter(({ abort }) => abort !== undefined);
const abort = toOne('abort', abortable, (client) => client.aborted());
const giveBack = toOne('end a lease:', held, (client, _world, how) => client.end(how), ending);
const giveBackAgain = toOne('end it again:', given, (client, _world, how) => client.endAgain(how), ending);
const time = fc
  .tuple(turn, fc.constantFrom(1, 3, 4, 5, 5, 19, 60, 200))
  .map(([at, ms]) => command(at, `${ms} ms pass`, always, ({ clock }) => clock.pass(ms)));
const nothing = turn.map((at) => command(at, 'nothing', always, () => {}));
const close = turn.map((at) => command(at, 'close the pool', always, (world) => world.close()));
const destroyPool = fc
  .tuple(turn, fc.constantFrom(undefined, 'DOWN'))
  .map(([at, code]) => command(at, `destroy the pool (${code})`, always, (world) => world.destroy(code)));
/** User code. `itself` is the stream, message or caller to which the moment belongs. */
const deeds: Record<string, (world: World, pick: number, itself: Leaser | undefined) => void> = {
  nothing: () => {},
  'end itself': (_world, pick, itself) => itself?.endItself(pick),
  'abort itself': (_world, _pick, itself) => itself?.abortItself(),
  'lease now': (world) => world.lease('gzip', 'now'),
  lease: (world) => world.lease('deflate', 'later'),
  'decompress on the spot': (world) =>
    world.decompress('gzip', { length: 60, bad: false, withSignal: false, sync: true }),
  decompress: (world) => world.decompress('gzip', { length: 700, bad: false, withSignal: true, sync: false }),
  'open a stream': (world) => {
    world.open(plainTerms);
    world.streams.at(-1)?.write(1);
  },
  'give back': (world, pick) => some(held(world), pick)?.endItself(pick),
  destroy: (world, pick) => some(live(world), pick)?.destroy('destroy'),
  abort: (world, pick) => some(abortable(world), pick)?.aborted(),
  'close the pool': (world) => world.close(),
  'destroy the pool': (world) => world.destroy('DOWN'),
};
const deed = fc.record({
  moment: fc.constantFrom(...moments),
  name: fc.constantFrom(...Object.keys(deeds)),
  throws: onceIn(3),
  times: fc.constantFrom(1, 1, 1, 3),
  pick: fc.nat(255),
});
const inTheMiddle = fc.tuple(turn, fc.array(deed, { minLength: 1, maxLength: 6, size: 'max' })).map(([at, all]) =>
  command(at, `in the middle: ${JSON.stringify(all)}`, always, (world) => {
    for (const { moment, name, throws, times, pick } of all) {
      world.watch.next.set(moment, { throws, times, act: (itself) => deeds[name]?.(world, pick, itself) });
    }
  }),
);
const drop = toOne(
  'drop',
  (world: World): Array<StreamClient | LeaseClient> => [...live(world), ...held(world)],
  (client, world) => world.drop(client),
);
const collect = turn.map((at) => command(at, 'collect', always, (world) => world.collect()));

const weights: Array<[weight: number, of: fc.Arbitrary<Command>]> = [
  [40, open],
  [40, openWhole],
  [60, lease],
  [40, message],
  [60, write],
  [15, end],
  [40, endWhole],
  [25, reading],
  [40, destroy],
  [20, destroyAgain],
  [6, forget],
  [20, doors],
  [40, abort],
  [70, giveBack],
  [30, giveBackAgain],
  [150, inTheMiddle],
  [45, time],
  [20, nothing],
  [4, close],
  [3, destroyPool],
  [3, drop],
  [1, collect],
];

/** Chosen by weight: fast-check's own commands are all equally likely. */
const one = fc.oneof(...weights.map(([weight, arbitrary]) => ({ weight, arbitrary })));

const MOST_COMMANDS = 40;
export const commands = fc.commands([one], { maxCommands: MOST_COMMANDS, size: 'max' });

const { POSITIVE_INFINITY: unbounded } = Number;
export const poolTerms: fc.Arbitrary<PoolTerms> = fc.record({
  maxLeased: fc.constantFrom(1, 1, 1, 2, 2, 3, 4, unbounded),
  maxWaiting: fc.constantFrom(0, 1, 2, 5, unbounded, unbounded),
  maxIdle: fc.constantFrom(0, 1, 2, 3, unbounded),
  leaseTimeoutMs: fc.constantFrom(0, 5, 5, 20, 100),
  engine: fc.constantFrom('native', 'native', 'public'),
  inline: fc.constantFrom({}, {}, { inputLength: 0 }, { turnLength: 2_000 }, { outputLength: 5_000 }),
});
