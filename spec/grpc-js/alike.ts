/** What a pooled peer answers, and whether a stock one answers so, too. */
import { expect } from 'chai';

/** A reset and the message before it race each other: stock has more than one answer, and is asked so often for all of them. */
const ATTEMPTS = 6;

/** Both play all calls. Each call of `pooled` is to end as it ends on `stock`, at one time or another. */
export async function expectAlike(stock: () => Promise<object>, pooled: () => Promise<object>): Promise<void> {
  const known: Record<string, string[]> = {};
  let [theirs, ours] = await Promise.all([stock(), pooled()]);
  for (let attempt = 1; ; attempt++) {
    for (const [call, end] of Object.entries(theirs)) known[call] = [...(known[call] ?? []), JSON.stringify(end)];
    if (Object.entries(ours).every(([call, end]) => known[call]?.includes(JSON.stringify(end)))) return;
    if (attempt === ATTEMPTS) expect(ours).to.deep.equal(theirs);
    theirs = await stock();
  }
}
