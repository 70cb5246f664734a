import type { Comparison, Condition } from './condition.ts';
import { quoted } from './tokens.ts';

/** The text of a condition, which `parseCondition` reads back as the same condition. */
export function printCondition(condition: Condition): string {
  if ('and' in condition)
    return condition.and.map((each) => ('or' in each ? `(${printCondition(each)})` : printCondition(each))).join(' and ');
  if ('or' in condition) return condition.or.map(printCondition).join(' or ');
  if ('not' in condition)
    return `not ${'and' in condition.not || 'or' in condition.not ? `(${printCondition(condition.not)})` : printCondition(condition.not)}`;
  if ('field' in condition) return `${condition.field} ${comparison(condition)}`;
  if ('label' in condition) return `label ${quoted(condition.label)} ${comparison(condition)}`;
  if ('key' in condition) {
    const { key, at, op, value } = condition;
    return `key(${quoted(key)}${at === 1 ? '' : `, ${at}`}) ${op} ${quoted(value)}`;
  }
  const edge = 'since' in condition ? `since ${instant(condition.since)}` : `before ${instant(condition.before)}`;
  return condition.clock === undefined ? edge : `${condition.clock} ${edge}`;
}

function comparison(compared: Comparison): string {
  if ('like' in compared) return `~ ${quoted(compared.like)}`;
  const [only, ...more] = compared.in;
  return more.length === 0 ? `= ${quoted(only as string)}` : `in (${compared.in.map(quoted).join(', ')})`;
}

const instant = (ms: number): string => new Date(ms).toISOString();
