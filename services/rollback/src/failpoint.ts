import type { Failpoint } from '@recant/runner';

const NAMES = ['claim', 'inverse', 'readback', 'record'].flatMap((name) => [`${name}.before`, `${name}.after`]);

/** `inverse.after:25`: the process is killed there when step 25 comes by. For fault tests. @throws Error for another text */
export function killAt(text: string | undefined): Failpoint | undefined {
  if (text === undefined) return undefined;
  const [name, step] = text.split(':');
  if (!NAMES.includes(name ?? '') || !/^\d+$/.test(step ?? ''))
    throw new Error(`RECANT_FAILPOINT is one of ${NAMES.join(', ')}, then a colon and the number of a step`);
  return (point, steps) => {
    if (point === name && steps.includes(Number(step))) process.kill(process.pid, 'SIGKILL');
  };
}
