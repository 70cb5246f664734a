import { ConnectorError, type TargetSystem } from '@recant/connector';
import type { PartGuard, PlanAnnex, PlanBody } from '@recant/planner';
import type { Targets } from '@recant/runner';

type Finding = PlanAnnex['findings'][number];

/** Limits: parts per probe call, parts and findings per plan. A run checks all parts again with its guards. */
const PROBE_PARTS_MAX = 1_000;
const PLAN_PARTS_MAX = 20_000;
const FINDINGS_MAX = 1_000;

/** Compares the current versions in the systems with the plan. If several steps write one part, only the first is probed; the others depend on its result. */
export async function probePlan(targets: Targets, tenant: string, body: PlanBody, nowMs: number): Promise<PlanAnnex> {
  const bySystem = new Map<string, { connector: string; parts: { step: number; guard: PartGuard }[] }>();
  const seen = new Set<string>();
  for (const { step, systems } of body.steps) {
    for (const { system, connector, guards } of systems) {
      const entry = bySystem.get(system) ?? { connector, parts: [] };
      bySystem.set(system, entry);
      for (const guard of guards) {
        const key = `${guard.part} ${guard.resource}`;
        if (seen.has(key) || seen.size >= PLAN_PARTS_MAX) continue;
        seen.add(key);
        entry.parts.push({ step, guard });
      }
    }
  }
  const findings: Finding[] = [];
  for (const [system, { connector, parts }] of bySystem) findings.push(...(await probeSystem(targets, tenant, system, connector, parts)));
  return { probedAtMs: nowMs, findings: findings.slice(0, FINDINGS_MAX) };
}

async function probeSystem(
  targets: Targets,
  tenant: string,
  system: string,
  connector: string,
  parts: readonly { step: number; guard: PartGuard }[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  try {
    const target = await targets.open(tenant, system, connector);
    if (!target) return [];
    for (let at = 0; at < parts.length; at += PROBE_PARTS_MAX)
      findings.push(...(await probeSome(target, parts.slice(at, at + PROBE_PARTS_MAX))));
  } catch (error) {
    const [first] = parts;
    if (!(error instanceof ConnectorError) || !first) throw error;
    findings.push({
      step: first.step,
      resource: first.guard.resource,
      part: first.guard.part,
      kind: 'unreadable',
      detail: `${system}: ${error.message}`,
    });
  }
  return findings;
}

async function probeSome(target: TargetSystem, parts: readonly { step: number; guard: PartGuard }[]): Promise<readonly Finding[]> {
  const probed = await target.probe(parts.map(({ guard: { resource, part } }) => ({ resource, part })));
  const byPart = new Map(probed.map((found) => [`${found.part} ${found.resource}`, found]));
  return parts.flatMap(({ step, guard: { resource, part, before, after } }): Finding[] => {
    const found = byPart.get(`${part} ${resource}`);
    if (found?.kind !== 'version') return [{ step, resource, part, kind: 'unreadable', detail: found?.reason ?? 'no answer' }];
    if (found.version === after) return [];
    if (found.version === before)
      return [{ step, resource, part, kind: 'already_before', detail: 'It already equals the version before the attempt.' }];
    return [
      {
        step,
        resource,
        part,
        kind: 'drift',
        detail: 'Changed since: equals neither the version that the attempt left nor the one before it.',
      },
    ];
  });
}
