import { cellOf, FAULTS, OPERATIONS, REPLICAS } from './plan.ts';
import type { Result } from './play.ts';
import type { Stages } from './stopwatch.ts';

/** One row an operation, one column a fault; in a cell for each number of replicas: runs, and how many found a problem. */
export function tableOf(results: readonly Result[]): string {
  const cell = (operation: (typeof OPERATIONS)[number], fault: (typeof FAULTS)[number]): string =>
    REPLICAS.map((replicas) => {
      const own = results.filter((result) => result.cell === cellOf({ operation, fault, replicas }));
      const failed = own.filter(({ problems }) => problems.length > 0).length;
      return failed === 0 ? `${own.length}` : `${own.length} (${failed} failed)`;
    }).join(' / ');
  const rows = OPERATIONS.map((operation) => `| ${operation} | ${FAULTS.map((fault) => cell(operation, fault)).join(' | ')} |`);
  return [
    `Runs with ${REPLICAS.join(' / ')} replicas:`,
    `| operation | ${FAULTS.join(' | ')} |`,
    `| --- | ${FAULTS.map(() => '---').join(' | ')} |`,
    ...rows,
  ].join('\n');
}

/** Longest waits by fault, milliseconds. */
export function figuresText(results: readonly Result[]): string {
  const played = results.filter(({ figures }) => figures.limit > 0);
  const most = (of: readonly Result[], figure: keyof Result['figures']) => Math.max(0, ...of.map(({ figures }) => figures[figure]));
  const rows = FAULTS.map((fault) => {
    const own = played.filter(({ run }) => run.fault === fault);
    return `| ${fault} | ${own.length} | ${most(own, 'away')} | ${most(own, 'baseline')} | ${most(own, 'othersAnswered')} | ${most(own, 'othersAcknowledged')} | ${most(own, 'recovery')} |`;
  });
  const acknowledged = results.reduce((sum, result) => sum + result.acknowledged, 0);
  return [
    '| fault | runs | lasted | others’ longest append before | others’ longest answer | others’ longest append | all recorded again after |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    `Seconds of a run, on average: ${Object.entries(averageStages(results))
      .map(([stage, seconds]) => `${stage} ${seconds}`)
      .join(', ')}.`,
    `${acknowledged} acknowledged events; ${played.filter(({ run }) => run.lastsMs >= 60_000).length} stops of 60 s.`,
  ].join('\n');
}

/** Of a run that ended: where its time goes. */
function averageStages(results: readonly Result[]): Stages {
  const all = results.filter(({ stages }) => Object.keys(stages).length > 0);
  const sums: Record<string, number> = {};
  for (const { stages } of all) for (const [stage, seconds] of Object.entries(stages)) sums[stage] = (sums[stage] ?? 0) + seconds;
  return Object.fromEntries(Object.entries(sums).map(([stage, sum]) => [stage, Math.round((sum / all.length) * 10) / 10]));
}

export function failureText(seed: number, { n, cell, run, problems }: Result): string {
  const { way, phase, skip, lastsMs, stopsMeanwhile } = run;
  return [
    `${cell}: ${way}, ${phase} its request, ${skip} later, ${lastsMs} ms${stopsMeanwhile ? ', with a stop' : ''}`,
    ...problems.map((problem) => `  ${problem}`),
    `  replay: npm run test:faults:matrix -- --seed ${seed} --only ${n}`,
  ].join('\n');
}
