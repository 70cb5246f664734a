import { createHmac, createSecretKey } from 'node:crypto';
import { type JsonObject, type JsonValue, NAME_BYTES_MAX } from '@recant/events';
import { RedactionError } from './error.ts';
import { pathMatches } from './path.ts';
import { type KeyRule, keyMatches, keyWords, type RuleSet, type TextRule, type Treatment } from './rule.ts';
import { piecesOf, replacePieces } from './scan.ts';

export interface Redacted {
  readonly value: JsonObject;
  /** The rule that requires the whole value to be sealed. Values that such rules matched are still in it. */
  readonly seal?: string;
}

/** Returns the replacement for a value that a rule matched. */
export type Mask = (rule: string, value: string) => string;

/** Removes values that must not leave the process. */
export interface Redactor {
  /** @param how `sealing`: leave values with the treatment `seal` in place; otherwise mask them. `after`: the tool ran, so mask instead of throwing. @throws RedactionError `refused` */
  json(value: JsonObject, place: string, how?: { readonly sealing?: boolean; readonly after?: boolean }): Redacted;
  /** Masks every match, whatever its treatment. */
  text(text: string): string;
  /** Like `text`, limited to NAME_BYTES_MAX. @throws RedactionError `refused` */
  name(text: string, place: string): string;
  /** The name of the first rule that matches. */
  find(text: string): string | undefined;
  readonly mask: Mask;
}

const FINGERPRINT_HEX = 8;
/** Members that name the `value` member of the same object. */
const NAMING = ['name', 'Name', 'key', 'Key'] as const;
const OPTION = /^--[A-Za-z][\w-]{0,63}$/;

/**
 * Masks contain a fingerprint keyed with 32 bytes of `random`: equal values have equal masks within one redactor and different ones elsewhere, so
 * nobody can test guesses against a mask.
 */
export function createRedactor(rules: RuleSet, random: (bytes: number) => Uint8Array): Redactor {
  const key = createSecretKey(random(32));
  const fingerprint = (text: string): string => createHmac('sha256', key).update(text).digest('hex').slice(0, FINGERPRINT_HEX);
  return redactorWith(rules, (rule, value) => `[${rule}#${fingerprint(`${rule}\0${value}`)}]`);
}

/** A redactor with custom masks. No rule may match a mask. */
export function redactorWith(rules: RuleSet, mask: Mask): Redactor {
  const text = (given: string): string => replacePieces(given, piecesOf(given, rules.texts), mask);

  return {
    mask,
    text,
    find: (given) => piecesOf(given, rules.texts)[0]?.rule.name,
    name(given, place) {
      const pieces = piecesOf(given, rules.texts);
      if (pieces.length === 0) return given;
      refuseSome(
        pieces.map(({ rule }) => rule),
        place,
      );
      const masked = replacePieces(given, pieces, mask);
      return Buffer.byteLength(masked) <= NAME_BYTES_MAX ? masked : mask((pieces[0] as { rule: TextRule }).rule.name, given);
    },
    json(value, place, { sealing = false, after = false } = {}) {
      const walk = new Walk(rules, mask, sealing, after);
      const walked = walk.value(value, [], place);
      const whole = typeof walked === 'object' && walked !== null && !Array.isArray(walked) ? walked : { value: walked };
      return { value: whole as JsonObject, ...(walk.seal === undefined ? {} : { seal: walk.seal }) };
    },
  };
}

interface Found {
  readonly name: string;
  readonly treat: Treatment;
}

function refuseSome(found: readonly Found[], place: string): void {
  const refusing = found.find(({ treat }) => treat === 'refuse');
  if (refusing !== undefined) throw refused(refusing.name, place);
}

function refused(rule: string, place: string): RedactionError {
  return new RedactionError('refused', `The redaction rule ${rule} matched in ${place}.`, { rule, place });
}

/** One pass over a value. An unchanged value is returned by identity. */
class Walk {
  seal: string | undefined;
  private readonly rules: RuleSet;
  private readonly mask: Mask;
  private readonly sealing: boolean;
  private readonly after: boolean;

  constructor(rules: RuleSet, mask: Mask, sealing: boolean, after: boolean) {
    this.rules = rules;
    this.mask = mask;
    this.sealing = sealing;
    this.after = after;
  }

  value(value: JsonValue, at: readonly string[], place: string, key?: KeyRule): JsonValue {
    const path = this.rules.paths.find((rule) => pathMatches(rule.path, at));
    if (path !== undefined && value !== null && this.hides(path, place)) return this.mask(path.name, JSON.stringify(value));
    if (value === null) return value;
    if (Array.isArray(value)) return this.list(value, at, place, key);
    if (typeof value === 'object') return this.members(value as JsonObject, at, place, key);
    const text = String(value);
    const taken = key === undefined || text === '' ? 0 : (key.take?.(text) ?? text.length);
    if (key !== undefined && taken > 0 && this.hides(key, place)) return this.mask(key.name, text);
    const masked = this.text(text, place);
    return masked === text ? value : masked;
  }

  private list(values: readonly JsonValue[], at: readonly string[], place: string, key: KeyRule | undefined): JsonValue {
    const walked = values.map((member, index) =>
      this.value(member, [...at, String(index)], `${place}[${index}]`, this.optionBefore(values[index - 1], member) ?? key),
    );
    return walked.every((member, index) => member === values[index]) ? (values as JsonValue) : walked;
  }

  private members(value: JsonObject, at: readonly string[], place: string, inherited: KeyRule | undefined): JsonValue {
    const members = Object.create(null) as Record<string, JsonValue>;
    const named = this.nameIn(value);
    let same = true;
    for (const [name, member] of Object.entries(value)) {
      const key = this.keyFor(name) ?? (name.toLowerCase() === 'value' ? named : undefined) ?? inherited;
      const masked = this.text(name, `a name in ${place}`);
      const walked = this.value(member as JsonValue, [...at, name], `${place}.${masked}`, key);
      same &&= masked === name && walked === member;
      members[masked] = walked;
    }
    return same ? value : members;
  }

  private keyFor(name: string): KeyRule | undefined {
    const words = keyWords(name);
    const unnumbered = words.replace(/_?\d{1,3}$/, '');
    return this.rules.keys.find(({ keys }) => keyMatches(keys, words) || keyMatches(keys, unnumbered));
  }

  /** `{ name: 'DB_PASSWORD', value: '...' }`: a common form of variables and headers. */
  private nameIn(value: JsonObject): KeyRule | undefined {
    const name = NAMING.map((member) => value[member]).find((named) => typeof named === 'string');
    return name === undefined ? undefined : this.keyFor(name as string);
  }

  /** `['--password', '...']`: command-line arguments. */
  private optionBefore(before: JsonValue | undefined, value: JsonValue): KeyRule | undefined {
    if (typeof before !== 'string' || !OPTION.test(before) || OPTION.test(String(value))) return undefined;
    return this.keyFor(before);
  }

  private text(text: string, place: string): string {
    const pieces = piecesOf(text, this.rules.texts);
    return pieces.length === 0
      ? text
      : replacePieces(
          text,
          pieces.filter(({ rule }) => this.hides(rule, place)),
          this.mask,
        );
  }

  /** Whether a match is masked; otherwise it stays, and the whole value will be sealed. */
  private hides({ name, treat }: Found, place: string): boolean {
    if (treat === 'refuse' && !this.after) throw refused(name, place);
    if (treat !== 'seal' || !this.sealing) return true;
    this.seal ??= name;
    return false;
  }
}
