import { type Effect, formatResource, parseResource, percentDecode, percentEncode, RESOURCE_BYTES_MAX } from '@recant/events';
import type { Redactor } from './redactor.ts';

/** Part names whose verdict is cached: every row repeats the names of its columns. */
const REMEMBERED_MAX = 10_000;

export interface RedactedEffect {
  readonly effect: Effect;
  /** The rule that matched; absent if the effect is unchanged. */
  readonly rule?: string;
}

/** @param options `scansPath: false`: the path has no free text (keys of numbers, UUIDs, times), in which only chance matches are possible. */
export type EffectRedactor = (effect: Effect, options?: { readonly scansPath?: boolean }) => RedactedEffect;

/** The percent-decoded path of a resource; the text itself if it is not a resource. */
export function readablePath(resource: string): string {
  const parsed = parseResource(resource);
  return parsed === undefined ? resource : segmentsOf(parsed.path).join('/');
}

function segmentsOf(path: string): string[] {
  return path.split('/').map((segment) => {
    try {
      return percentDecode(segment);
    } catch {
      // Not UTF-8: scanned in its encoded form.
      return segment;
    }
  });
}

/**
 * @returns a function that masks names in effects. If a rule matches in the resource or a part name, the effect keeps its operation, order and
 * versions but has masked names and no compensation, because an inverse needs the names; planning reports the attempt as `irreversible`.
 */
export function createEffectRedactor({ find, mask }: Pick<Redactor, 'find' | 'mask'>): EffectRedactor {
  const parts = new Map<string, string | undefined>();
  const findInPart = (name: string): string | undefined => {
    if (parts.has(name)) return parts.get(name);
    if (parts.size >= REMEMBERED_MAX) parts.clear();
    const rule = find(name);
    parts.set(name, rule);
    return rule;
  };
  const masked = (name: string): string => {
    const rule = findInPart(name);
    return rule === undefined ? name : mask(rule, name);
  };
  const under = <T>(members: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(members).map(([name, value]) => [masked(name), value]));

  return (effect, { scansPath = true } = {}) => {
    const inPath = scansPath ? find(readablePath(effect.resource)) : undefined;
    const names = [...Object.keys(effect.parts), ...Object.keys(effect.reads ?? {}), ...(effect.beyond ?? [])];
    const rule = inPath ?? names.map(findInPart).find((found) => found !== undefined);
    if (rule === undefined) return { effect };
    const { resource, operation, ordinal, parts: written, reads, ambiguous, beyond } = effect;
    return {
      rule,
      effect: {
        resource: inPath === undefined ? resource : maskPath(resource, inPath, find, mask),
        operation,
        ordinal,
        parts: under(written),
        ...(reads === undefined ? {} : { reads: under(reads) }),
        ...(ambiguous === undefined ? {} : { ambiguous }),
        ...(beyond === undefined ? {} : { beyond: beyond.map(masked) }),
      },
    };
  };
}

/** Masks the segments in which a rule matches, or the whole path if the match spans segments or the masked path is too long. */
function maskPath(resource: string, rule: string, find: Redactor['find'], mask: Redactor['mask']): string {
  const { connector, system, path } = parseResource(resource) ?? { connector: 'unknown', system: 'unknown', path: resource };
  const segments = segmentsOf(path);
  const found = segments.map(find);
  const piecewise = segments
    .map((segment, index) => percentEncode(found[index] === undefined ? segment : mask(found[index], segment)))
    .join('/');
  const fits = found.some((each) => each !== undefined) && find(segmentsOf(piecewise).join('/')) === undefined;
  if (fits && connector.length + system.length + piecewise.length + 4 <= RESOURCE_BYTES_MAX)
    return formatResource({ connector, system, path: piecewise });
  return formatResource({ connector, system, path: percentEncode(mask(rule, path)) });
}
