import type { TargetSystem } from '@recant/connector';
import type { PartGuard } from '@recant/planner';
import type { StepFinding } from './ports.ts';
import type { StepEnd } from './step-end.ts';

/** Parts of one probe. */
const PROBE_PARTS_MAX = 1_000;

/**
 * I7: reads every guarded part of steps that ended `restored` and compares it with its *before*. A part that differs was changed meanwhile: the step is
 * `conflicted`, and steps after it do not run. An unreadable part makes the step `undecided`.
 */
export async function readBack(
  target: TargetSystem,
  ends: readonly StepEnd[],
  guardsOf: (step: number) => readonly PartGuard[],
): Promise<readonly StepEnd[]> {
  const parts = ends
    .filter(({ outcome }) => outcome === 'restored')
    .flatMap(({ step }) => guardsOf(step).map((guard) => ({ step, guard })));
  const findings = new Map<number, StepFinding[]>();
  for (let at = 0; at < parts.length; at += PROBE_PARTS_MAX) {
    const some = parts.slice(at, at + PROBE_PARTS_MAX);
    const probed = await target.probe(some.map(({ guard: { resource, part } }) => ({ resource, part })));
    const byPart = new Map(probed.map((found) => [`${found.part} ${found.resource}`, found]));
    for (const { step, guard } of some) {
      const { resource, part, before: expected } = guard;
      const found = byPart.get(`${part} ${resource}`);
      const where = { system: target.name, resource, part };
      let finding: StepFinding | undefined;
      if (found?.kind !== 'version')
        finding = { ...where, code: 'unreadable', detail: found?.reason ?? 'The connector returned no version for this part.', expected };
      else if (found.version !== expected)
        finding = {
          ...where,
          code: 'read_back',
          detail: 'Read-back failed: the part was restored but has a different version now, so it was changed meanwhile.',
          expected,
          found: found.version,
        };
      if (finding) findings.set(step, [...(findings.get(step) ?? []), finding]);
    }
  }
  return ends.map((end) => {
    const found = findings.get(end.step);
    if (!found) return end;
    return {
      ...end,
      outcome: found.some(({ code }) => code === 'read_back') ? 'conflicted' : 'undecided',
      findings: [...end.findings, ...found],
    };
  });
}
