import { inspect } from 'node:util';
import { type Connector, ConnectorError, type InverseResult, type Probed, type TargetSystem } from '@recant/connector';
import { createRedactor, rulesOf } from '@recant/redaction';

type Mask = (text: string) => string;

/** What targets say, by what it is about. */
interface Words {
  /** Rows, files, refused inverses: no secret, no personal value. */
  readonly ofData: Mask;
  /** What cannot be reached: addresses of machines stay, an operator needs them. */
  readonly ofReach: Mask;
}

/** A user before the host of a URL, who would make an e-mail address of it. */
const USER_INFO = /(?<=:\/\/)[^\s/?#@"']{1,256}(?=@)/g;

/** Levels of causes and members that a log would print. */
const PRINTED = { depth: 8, maxStringLength: 65_536, maxArrayLength: 100, breakLength: Number.POSITIVE_INFINITY };

/**
 * Connectors whose targets say nothing that must not be kept. A target's words quote its data (a trigger's RAISE, a value of the wrong type), and are kept
 * in plans, runs and, for ever, in the log; so secrets and personal values in them are masked here, before planner, runner or log see them. Codes, resources,
 * versions and effects are left as they are. Equal values have equal masks as long as this process lives.
 */
export function maskWords(connectors: readonly Connector[], random: (bytes: number) => Uint8Array): readonly Connector[] {
  const key = random(32);
  const mask = (except: readonly string[]): Mask => createRedactor(rulesOf({ personal: 'mask', except }), () => key).text;
  const ofReach = mask(['ip-address']);
  const words: Words = { ofData: mask([]), ofReach: (text) => ofReach(text.replace(USER_INFO, '***')) };
  return connectors.map((connector) => ({
    kind: connector.kind,
    open: (registration) => saying(words, async () => masked(await connector.open(registration), words)),
  }));
}

function masked(target: TargetSystem, words: Words): TargetSystem {
  return {
    name: target.name,
    connector: target.connector,
    identity: () => saying(words, () => target.identity()),
    probe: (parts) => saying(words, async () => (await target.probe(parts)).map((found) => probedIn(found, words))),
    invert: (batch) => saying(words, async () => (await target.invert(batch)).map((result) => resultIn(result, words))),
    applied: (run, steps) => saying(words, async () => (await target.applied(run, steps)).map((result) => resultIn(result, words))),
    close: () => saying(words, () => target.close()),
  };
}

const probedIn = (found: Probed, { ofData }: Words): Probed =>
  found.kind === 'unreadable' ? { ...found, reason: ofData(found.reason) } : found;

const resultIn = (result: InverseResult, { ofData }: Words): InverseResult => ({
  ...result,
  findings: result.findings.map((finding) => ({ ...finding, detail: ofData(finding.detail) })),
  residue: result.residue.map(ofData),
});

async function saying<T>(words: Words, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw errorIn(error, error instanceof ConnectorError && error.code === 'unreachable' ? words.ofReach : words.ofData);
  }
}

/** The error itself where no rule finds anything in what a log would print of it; else a copy: kind, code and place, words and causes masked. */
function errorIn(error: unknown, mask: Mask): unknown {
  const shown = inspect(error, PRINTED);
  return mask(shown) === shown ? error : bare(error, mask);
}

function bare(error: unknown, mask: Mask): Error {
  if (!(error instanceof Error)) return new Error(mask(String(error)));
  const message = mask(error.message);
  const options = error.cause === undefined ? {} : { cause: bare(error.cause, mask) };
  const { code } = error as { code?: unknown };
  const copy =
    error instanceof ConnectorError
      ? new ConnectorError(error.code, message, options)
      : Object.assign(new Error(message, options), { name: error.name }, typeof code === 'string' ? { code: mask(code) } : {});
  const frames = error.stack?.split('\n').filter((line) => /^ {4}at /.test(line)) ?? [];
  copy.stack = [`${copy.name}: ${message}`, ...frames.map(mask)].join('\n');
  return copy;
}
