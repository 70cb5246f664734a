import { inspect } from 'node:util';
import {
  type Connector,
  ConnectorError,
  type Drain,
  type Finding,
  type InverseResult,
  type PartValue,
  type Probed,
  type TargetSystem,
} from '@recant/connector';
import { createRedactor, type Redactor, rulesOf } from '@recant/redaction';

type Mask = (text: string) => string;

interface Masks {
  /** For texts about rows, files and refused inverses: secrets and personal values. */
  readonly data: Mask;
  /** For connection errors: the same, but host addresses stay, because an operator needs them. */
  readonly connection: Mask;
  /** Whether a value of a part of this name may be shown. */
  readonly shows: (part: string, value: string) => boolean;
}

/** The user part of a URL: with the host it would match as an e-mail address. */
const USER_INFO = /(?<=:\/\/)[^\s/?#@"']{1,256}(?=@)/g;

/** At least as deep as a log prints an error. */
const PRINTED = { depth: 8, maxStringLength: 65_536, maxArrayLength: 100, breakLength: Number.POSITIVE_INFINITY };

/**
 * Wraps connectors so that texts from their targets are masked. Such a text can quote data of the target (a trigger's RAISE, a value of the wrong type) and
 * is stored in plans, runs and, permanently, in the log; so secrets and personal values are masked before planner, runner or log see it. Codes, resources,
 * versions and effects stay unchanged. Equal values get equal masks within one process.
 */
export function maskConnectors(connectors: readonly Connector[], random: (bytes: number) => Uint8Array): readonly Connector[] {
  const key = random(32);
  const redactor = (except: readonly string[]): Redactor => createRedactor(rulesOf({ personal: 'mask', except }), () => key);
  const [data, connection] = [redactor([]), redactor(['ip-address'])];
  const masks: Masks = {
    data: data.text,
    connection: (text) => connection.text(text.replace(USER_INFO, '***')),
    shows: (part, value) => data.json({ [part]: value }, part, { after: true }).value[part] === value,
  };
  return connectors.map((connector) => ({
    kind: connector.kind,
    ...(connector.watched && { watched: connector.watched }),
    open: (registration) => maskErrors(masks, async () => maskTarget(await connector.open(registration), masks)),
  }));
}

function maskTarget(target: TargetSystem, masks: Masks): TargetSystem {
  const coverage = target.coverage?.bind(target);
  const acceptIncomplete = target.acceptIncomplete?.bind(target);
  const erase = target.erase?.bind(target);
  const uncaptured = target.uncaptured?.bind(target);
  const derived = target.derived?.bind(target);
  const values = target.values?.bind(target);
  const { freezing } = target;
  return {
    name: target.name,
    connector: target.connector,
    identity: () => maskErrors(masks, () => target.identity()),
    rehearse: (steps) => maskErrors(masks, async () => (await target.rehearse(steps)).map((result) => maskResult(result, masks))),
    probe: (parts) => maskErrors(masks, async () => (await target.probe(parts)).map((probed) => maskProbed(probed, masks))),
    invert: (batch) => maskErrors(masks, async () => (await target.invert(batch)).map((result) => maskResult(result, masks))),
    applied: (...asked) => maskErrors(masks, async () => (await target.applied(...asked)).map((result) => maskResult(result, masks))),
    ...(coverage && { coverage: () => maskErrors(masks, coverage) }),
    ...(acceptIncomplete && {
      acceptIncomplete: (...input: Parameters<typeof acceptIncomplete>) => maskErrors(masks, () => acceptIncomplete(...input)),
    }),
    ...(values && {
      values: (asked: Parameters<typeof values>[0]) =>
        maskErrors(masks, async () => (await values(asked)).map((value) => maskValue(value, masks))),
    }),
    ...(derived && { derived: () => maskErrors(masks, derived) }),
    ...(uncaptured && { uncaptured: (of: Parameters<typeof uncaptured>[0]) => maskErrors(masks, () => uncaptured(of)) }),
    ...(erase && { erase: (...input: Parameters<typeof erase>) => maskErrors(masks, () => erase(...input)) }),
    ...(target.drain === undefined ? {} : { drain: maskDrain(target.drain, masks) }),
    ...(freezing && { freezing: { enforce: (freezes) => maskErrors(masks, () => freezing.enforce(freezes)) } }),
    close: () => maskErrors(masks, () => target.close()),
  };
}

/** Events of a batch contain no text of the target but names. */
const maskDrain = (drain: Drain, masks: Masks): Drain => ({
  isIdle: (nowMs) => maskErrors(masks, () => drain.isIdle(nowMs)),
  next: (context) => maskErrors(masks, () => drain.next(context)),
  confirm: (batch) => maskErrors(masks, () => drain.confirm(batch)),
  openTransactions: (of) => maskErrors(masks, () => drain.openTransactions(of)),
  endTransaction: (pid) => maskErrors(masks, () => drain.endTransaction(pid)),
});

const maskProbed = (probed: Probed, { data }: Masks): Probed =>
  probed.kind === 'unreadable' ? { ...probed, reason: data(probed.reason) } : probed;

/** Values become part of the text where no rule matches them, by their text or by the name of their part; else they are dropped. */
function maskFinding({ values, ...finding }: Finding, { data, shows }: Masks): Finding {
  const detail = data(finding.detail);
  if (values === undefined || !shows(finding.part, values.now) || !shows(finding.part, values.left)) return { ...finding, detail };
  const said = `${finding.part} is ${values.now} now, the agent set ${values.left}`;
  return { ...finding, detail: `${said}; ${detail.charAt(0).toLowerCase()}${detail.slice(1)}` };
}

/** A value is shown whole or not at all: nothing of a masked one is left. */
function maskValue({ before, after, ...value }: PartValue, { shows }: Masks): PartValue {
  const isShown = [before, after].every((text) => text === undefined || shows(value.part, text));
  return isShown
    ? { ...value, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }
    : { ...value, hidden: 'masked' };
}

const maskResult = (result: InverseResult, masks: Masks): InverseResult => ({
  ...result,
  findings: result.findings.map((finding) => maskFinding(finding, masks)),
  residue: result.residue.map(masks.data),
});

async function maskErrors<T>(masks: Masks, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw maskError(error, error instanceof ConnectorError && error.code === 'unreachable' ? masks.connection : masks.data);
  }
}

/** The error itself if nothing in its printed form matches a rule; else a copy with class, code and stack frames, and masked message and causes. */
function maskError(error: unknown, mask: Mask): unknown {
  const shown = inspect(error, PRINTED);
  return mask(shown) === shown ? error : maskedCopy(error, mask);
}

function maskedCopy(error: unknown, mask: Mask): Error {
  if (!(error instanceof Error)) return new Error(mask(String(error)));
  const message = mask(error.message);
  const options = error.cause === undefined ? {} : { cause: maskedCopy(error.cause, mask) };
  const { code } = error as { code?: unknown };
  const copy =
    error instanceof ConnectorError
      ? new ConnectorError(error.code, message, options)
      : Object.assign(new Error(message, options), { name: error.name }, typeof code === 'string' ? { code: mask(code) } : {});
  const frames = error.stack?.split('\n').filter((line) => /^ {4}at /.test(line)) ?? [];
  copy.stack = [`${copy.name}: ${message}`, ...frames.map(mask)].join('\n');
  return copy;
}
