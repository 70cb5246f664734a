import type { Finding, RehearsedStep } from '@recant/connector';
import type { Effect } from '@recant/events';
import { ordinalOfImage } from '../effect.ts';
import { CONNECTOR } from '../resource.ts';
import type { Captured } from './captured.ts';
import type { Registry } from './registry.ts';

/**
 * I13: an event only points at rows of the capture table. What it says has to be exactly what the target captured for that attempt, whole;
 * from here on only the captured rows are used.
 */
export function verifyEffects(registry: Registry, step: RehearsedStep, captured: readonly Captured[]): Finding[] {
  const findings: Finding[] = [];
  const byOrdinal = new Map(captured.map((row) => [row.ordinal, row]));
  const told = new Set<string>();
  for (const effect of step.effects) {
    if (Object.keys(effect.parts).length === 0) continue;
    const problem = problemOf(registry, effect, byOrdinal);
    if (problem !== undefined) findings.push({ resource: effect.resource, part: Object.keys(effect.parts)[0] ?? 'exists', ...problem });
    told.add(effect.ordinal);
  }
  for (const { effect } of captured) {
    if (told.has(effect.ordinal) || Object.keys(effect.parts).length === 0) continue;
    const part = Object.keys(effect.parts)[0] ?? 'exists';
    findings.push({
      resource: effect.resource,
      part,
      code: 'side_effect',
      detail: 'The attempt wrote this row, but its recorded effects do not include it.',
    });
  }
  return findings;
}

function problemOf(
  registry: Registry,
  effect: Effect,
  captured: ReadonlyMap<string, Captured>,
): Pick<Finding, 'code' | 'detail'> | undefined {
  if (effect.compensation?.connector !== CONNECTOR)
    return { code: 'not_registered', detail: 'The recorded inverse does not name this connector.' };
  const [image, ...others] = effect.compensation.images;
  const ordinal = others.length === 0 && image !== undefined ? ordinalOfImage(image) : undefined;
  const row = ordinal === undefined ? undefined : captured.get(ordinal);
  if (row === undefined || ordinal !== effect.ordinal)
    return { code: 'image_missing', detail: 'The target has no such image for this attempt.' };
  if (registry.relation(row.relation) === undefined)
    return { code: 'not_registered', detail: 'The table was dropped or is no longer captured.' };
  if (row.effect.resource !== effect.resource) return { code: 'not_registered', detail: 'The image belongs to another row.' };
  if (registry.shape(row.shape) === undefined) return { code: 'image_missing', detail: 'The image is unreadable.' };
  if (!sameParts(row.effect, effect)) return { code: 'image_missing', detail: 'The versions differ from those of the image.' };
  return undefined;
}

function sameParts(captured: Effect, told: Effect): boolean {
  const [mine, theirs] = [Object.entries(captured.parts), Object.entries(told.parts)];
  return (
    captured.operation === told.operation &&
    mine.length === theirs.length &&
    mine.every(([part, { before, after }]) => {
      const other = Object.hasOwn(told.parts, part) ? told.parts[part] : undefined;
      return other !== undefined && other.before === before && other.after === after;
    })
  );
}
