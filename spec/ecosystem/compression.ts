/** compression, the middleware, on express: whole answers, pieces, and events that are flushed one by one. */
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import compression from 'compression';
import express from 'express';
import { json } from '../../bench/payloads.ts';
import { answer, eachLine, open } from './answers.ts';
import { listen } from './bodies.ts';
import { finish, outcome, scenario } from './scenario.ts';

/** Emits the name and number of a line once the client has it. */
const received = new EventEmitter().setMaxListeners(0);
const app = express();
app.use(compression({ threshold: 0 }));
app.get('/whole/:length', (req, res) => {
  res.type('json').send(json(Number(req.params.length), 1));
});
app.get('/pieces/:count', (req, res) => {
  const pieces = Array.from({ length: Number(req.params.count) }, (_, i) => json(1_000 + (i % 100), i % 9));
  Readable.from(pieces, { objectMode: false }).pipe(res.type('text'));
});
app.get('/events/:name/:count', async (req, res) => {
  const { name, count } = req.params;
  res.type('text/event-stream').set('cache-control', 'no-cache');
  for (let i = 0; i < Number(count); i += 1) {
    const seen = once(received, `${name} ${i}`);
    res.write(`data: ${name} ${i}\n`);
    res.flush();
    // The next line is written once the client has this one.
    await seen;
  }
  res.end();
});
const running = await listen(app);

const encodings = ['gzip', 'deflate', 'br', 'identity'];
for (const encoding of encodings) {
  for (const length of [0, 1, 1_000, 16_000, 300_000]) {
    await scenario(`compression: ${encoding}, ${length} bytes`, () =>
      answer(`${running.origin}/whole/${length}`, encoding),
    );
  }

  await scenario(`compression: ${encoding}, 200 pieces`, () => answer(`${running.origin}/pieces/200`, encoding));

  await scenario(`compression: ${encoding}, 50 at a time`, () =>
    Promise.all(
      Array.from({ length: 50 }, (_, i) => answer(`${running.origin}/whole/${100 * (1 + (i % 20))}`, encoding)),
    ),
  );

  await scenario(`compression: ${encoding}, cut by the client after the first bytes`, async () => {
    const response = await open(`${running.origin}/pieces/3000`, { 'accept-encoding': encoding });
    await once(response, 'data');
    response.destroy();
    return answer(`${running.origin}/whole/1000`, encoding);
  });
}

// All at a time: damaged output may stop a client without an error.
await scenario('compression: events that are flushed one by one', () =>
  Promise.all(
    Array.from({ length: 24 }, (_, i) => {
      const encoding = encodings[i % encodings.length] as string;
      const url = `${running.origin}/events/${i}/20`;
      return outcome(() => eachLine(url, encoding, (index) => received.emit(`${i} ${index}`)));
    }),
  ),
);

await running.close();
await finish();
