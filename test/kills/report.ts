import { REPLICAS, SYSTEMS } from './plan.ts';
import type { Result } from './play.ts';

/** One row a place, one column a kind of systems; in a cell for each number of replicas: runs, and how many found a problem. */
export function tableOf(results: readonly Result[]): string {
  const firstOf = ({ run }: Result): string => {
    const [first] = run.strikes.length > 1 && run.strikes.at(-1)?.place.startsWith('applied') ? run.strikes.slice(-1) : run.strikes;
    return `${first?.fault} at ${first?.place}`;
  };
  const cell = (place: string, systems: (typeof SYSTEMS)[number]): string =>
    REPLICAS.map((replicas) => {
      const own = results.filter(
        (result) => firstOf(result) === place && result.run.systems === systems && result.run.replicas === replicas,
      );
      const failed = own.filter(({ problems }) => problems.length > 0).length;
      return failed === 0 ? `${own.length}` : `${own.length} (${failed} failed)`;
    }).join(' / ');
  const places = [...new Set(results.map(firstOf))].sort();
  return [
    `Runs with ${REPLICAS.join(' / ')} replicas:`,
    `| struck by | ${SYSTEMS.join(' | ')} |`,
    `| --- | ${SYSTEMS.map(() => '---').join(' | ')} |`,
    ...places.map((place) => `| ${place} | ${SYSTEMS.map((systems) => cell(place, systems)).join(' | ')} |`),
  ].join('\n');
}
