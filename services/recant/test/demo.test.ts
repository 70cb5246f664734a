import { expect, test } from 'vitest';
import { recant, temporaryFolder } from './process.ts';

const SCREEN_LINES_MAX = 60;

for (const transport of ['http', 'kafka']) {
  test(`the demo over ${transport} undoes the mistakes, explains what it skipped, and fits one screen`, async () => {
    const folder = await temporaryFolder();
    const { code, out, err } = await recant(folder.path, ['demo', `--${transport}`], { TMPDIR: folder.path });
    await folder.remove();
    expect(code, out + err).toBe(0);
    expect(out.split('\n').length, out).toBeLessThanOrEqual(SCREEN_LINES_MAX);
    expect(out).not.toMatch(/^ +\S+ \S+ UTC +pricing-bot +\S+ +\S+ +0 /m);
    expect(out).toMatch(new RegExp(transport, 'i'));
    expect(out).toMatch(/shop orders 7: `status`(, `tracking`)? (was|were) written later by support-bot \(tool ship_order\) at/);
    expect(out).toContain('Refused: nothing will be undone.');
    expect(out).toMatch(/Partly restored\. 9 attempts selected: 8 restored, 1 not undone \(skipped\)\./);
    expect(out).toMatch(/\d+ rows and files compared, \d+ differ, \d+ explained by the account, 0 not\./);
    expect(out).not.toContain('UNEXPLAINED');
    // Newest first, like the command.
    const received = [...out.matchAll(/^ +(\S+ \S+ UTC) +pricing-bot /gm)].map(([, at]) => at ?? '');
    expect(received.length).toBe(9);
    expect(received).toEqual(received.toSorted().reverse());
  }, 180_000);
}
