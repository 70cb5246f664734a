import pg from 'pg';
import type { Tool, World } from './world.ts';

const ATTEMPTS = 6;
const LOGIN = 'login';

/**
 * Six actions at once, each with a single write, a transaction, one that is rolled back and one with a savepoint; a write beside the recorded client
 * in an action, and one outside of any. @returns how the target's records differ from that; empty: as it has to be
 */
export async function tryTool(tool: Tool, { recant, system, owner, url }: World): Promise<string[]> {
  const beside = new pg.Pool({ connectionString: url, max: 1 });
  const expected = new Map<string, string>();
  const rollsBack = (work: Promise<unknown>): Promise<boolean> =>
    work.then(
      () => false,
      () => true,
    );
  const wrong: string[] = [];
  await Promise.all(
    Array.from({ length: ATTEMPTS }, (_, n) =>
      recant.action('tool', { n }, async (context) => {
        const id = (offset: number): number => n * 10 + offset;
        await tool.read(id(1));
        await tool.write(id(1));
        await Promise.all([tool.both(id(2), id(3)), tool.read(id(1))]);
        if (!(await rollsBack(tool.undone(id(4))))) wrong.push(`attempt ${n}: the failed transaction was not reported`);
        await tool.savepoint(id(5), id(6));
        for (const offset of [1, 2, 3, 5]) expected.set(String(id(offset)), context.action);
        await beside.query('UPDATE items SET n = n + 1 WHERE id = $1', [id(7)]);
        expected.set(String(id(7)), LOGIN);
      }),
    ),
  );
  await tool.write(100);
  expected.set('100', LOGIN);
  await recant.flush();
  await beside.end();
  await tool.close();
  await owner.query('SELECT recant.absorb()');
  const { rows } = await owner.query<{ key: string; source: string; action: string }>(
    'SELECT c.key[1] AS key, a.source, a.action FROM recant.change c JOIN recant.attempt a ON a.id = c.attempt ORDER BY c.ordinal',
  );
  const seen = new Map<string, string>();
  for (const { key, source, action } of rows) {
    if (seen.has(key)) wrong.push(`row ${key} was changed twice`);
    seen.set(key, source === recant.source ? action : LOGIN);
  }
  for (const key of new Set([...expected.keys(), ...seen.keys()]))
    if (expected.get(key) !== seen.get(key))
      wrong.push(`row ${key} of ${system.name}: expected ${expected.get(key) ?? 'no change'}, got ${seen.get(key) ?? 'no change'}`);
  return wrong;
}
