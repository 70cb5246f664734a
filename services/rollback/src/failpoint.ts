import type { Failpoint } from '@recant/runner';

const NAMES = ['claim', 'inverse', 'record'].flatMap((name) => [`${name}.before`, `${name}.after`]);

/** For fault tests. `inverse.after:25` kills the process at that point of step 25. @throws Error for another format */
export function killAt(text: string | undefined): Failpoint | undefined {
  if (text === undefined) return undefined;
  const [name, step] = text.split(':');
  if (!NAMES.includes(name ?? '') || !/^\d+$/.test(step ?? ''))
    throw new Error(`RECANT_FAILPOINT: expected <point>:<step>, with a point among ${NAMES.join(', ')}`);
  return (point, steps) => {
    if (point === name && steps.includes(Number(step))) process.kill(process.pid, 'SIGKILL');
  };
}
