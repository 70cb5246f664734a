import { percentDecode } from '@recant/events';
import type { Comparison, Condition, KeyCondition, TextField } from './condition.ts';

/** What a condition is evaluated against. Fields of the agent's own context are claims; `resources`: declared, read or written. */
export interface AttemptFacts extends Readonly<Partial<Record<Exclude<TextField, 'resource'>, string>>> {
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: readonly string[];
  /** Milliseconds since 1970, UTC. */
  readonly receivedAtMs: number;
  readonly intendedAtMs: number;
}

/** The one evaluation of conditions. A comparison with a field that the attempt does not have is false; one with resources asks for any of them. */
export function isMatch(condition: Condition, facts: AttemptFacts): boolean {
  if ('and' in condition) return condition.and.every((each) => isMatch(each, facts));
  if ('or' in condition) return condition.or.some((each) => isMatch(each, facts));
  if ('not' in condition) return !isMatch(condition.not, facts);
  if ('field' in condition) return textsOf(condition.field, facts).some((text) => compares(condition, text));
  if ('label' in condition) {
    const text = Object.hasOwn(facts.labels, condition.label) ? facts.labels[condition.label] : undefined;
    return text !== undefined && compares(condition, text);
  }
  if ('key' in condition) return facts.resources.some((resource) => hasKey(condition, resource));
  const ms = condition.clock === 'claimed' ? facts.intendedAtMs : facts.receivedAtMs;
  return 'since' in condition ? ms >= condition.since : ms < condition.before;
}

function textsOf(field: TextField, facts: AttemptFacts): readonly string[] {
  if (field === 'resource') return facts.resources;
  const text = facts[field];
  return text === undefined ? [] : [text];
}

function compares(comparison: Comparison, text: string): boolean {
  return 'in' in comparison ? comparison.in.includes(text) : isLike(comparison.like, text);
}

/** Takes the earliest place for each piece between stars, so its time is at most pattern × text. */
function isLike(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** Whole numbers are compared as numbers, other values as text. */
function hasKey({ key, at, op, value }: KeyCondition, resource: string): boolean {
  if (!resource.startsWith(`${key}/`)) return false;
  const own = decoded(resource.slice(key.length + 1).split(',')[at - 1]);
  if (own === undefined) return false;
  const order = compared(own, value);
  if (op === '=') return order === 0;
  if (op === '<') return order < 0;
  if (op === '<=') return order <= 0;
  return op === '>' ? order > 0 : order >= 0;
}

const WHOLE = /^-?\d{1,40}$/;
function compared(a: string, b: string): number {
  if (WHOLE.test(a) && WHOLE.test(b)) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
  return a < b ? -1 : a > b ? 1 : 0;
}

function decoded(segment: string | undefined): string | undefined {
  try {
    return segment === undefined ? undefined : percentDecode(segment);
  } catch {
    return undefined;
  }
}
