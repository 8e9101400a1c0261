/** compression, the middleware, on express: whole answers, pieces, and events that are flushed one by one. */
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import compression from 'compression';
import express from 'express';
import { json } from '../../bench/payloads.ts';
import { answer, eachLine, open } from './answers.ts';
import { listen } from './bodies.ts';
import { finish, outcome, scenario } from './scenario.ts';

/** Emits the name of a line once the client has it. */
const received = new EventEmitter();
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
    const line = `data: ${name} ${i}`;
    const seen = once(received, line);
    res.write(`${line}\n`);
    res.flush();
    // The next line is written once the client has this one.
    await seen;
  }
  res.end();
});
const running = await listen(app);

for (const encoding of ['gzip', 'deflate', 'br', 'identity']) {
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

  await scenario(`compression: ${encoding}, events that are flushed one by one`, () =>
    Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        outcome(() =>
          eachLine(`${running.origin}/events/${encoding}-${i}/20`, encoding, (line) => received.emit(line)),
        ),
      ),
    ),
  );

  await scenario(`compression: ${encoding}, cut by the client after the first bytes`, async () => {
    const response = await open(`${running.origin}/pieces/3000`, { 'accept-encoding': encoding });
    await once(response, 'data');
    response.destroy();
    return answer(`${running.origin}/whole/1000`, encoding);
  });
}

await running.close();
await finish();
