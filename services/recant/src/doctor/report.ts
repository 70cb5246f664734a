import { maskSecrets } from '@recant/service';

/** Something that looks like success and is not, and the command or act that mends it. */
export interface Finding {
  readonly subject: string;
  readonly detail: string;
  readonly action: string;
}

export interface Checked {
  readonly findings: readonly Finding[];
  /** Facts worth knowing; they need no act. */
  readonly notes?: readonly string[];
}

/** Not configured, so there is nothing to check. */
export interface Off {
  readonly off: string;
}

/** Could not be checked, and why. What keeps it from being checked is a finding of another check. */
export interface Unchecked {
  readonly unchecked: string;
}

export type Outcome = Checked | Off | Unchecked;

export interface Check {
  readonly name: string;
  run(): Promise<Outcome>;
}

export interface CheckReport {
  readonly check: string;
  readonly state: 'ok' | 'found' | 'off' | 'unchecked';
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
  readonly reason?: string;
}

/** Milliseconds for one check. */
const CHECK_MS_MAX = 20_000;

/** Runs all checks at once. One that fails or hangs is `unchecked`, with the reason. No text contains a secret. */
export function runChecks(checks: readonly Check[], msMax = CHECK_MS_MAX): Promise<readonly CheckReport[]> {
  return Promise.all(checks.map(async ({ name, run }) => maskedReport(name, await atMost(msMax, run))));
}

async function atMost(ms: number, run: Check['run']): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ unchecked: `no result within ${ms / 1_000} s` }), ms);
  });
  try {
    return await Promise.race([run(), late]);
  } catch (error) {
    return { unchecked: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

function maskedReport(check: string, outcome: Outcome): CheckReport {
  const none = { check, findings: [], notes: [] };
  if ('off' in outcome) return { ...none, state: 'off', reason: maskSecrets(outcome.off) };
  if ('unchecked' in outcome) return { ...none, state: 'unchecked', reason: maskSecrets(outcome.unchecked) };
  const findings = outcome.findings.map(({ subject, detail, action }) => ({
    subject: maskSecrets(subject),
    detail: maskSecrets(detail),
    action: maskSecrets(action),
  }));
  return { check, state: findings.length === 0 ? 'ok' : 'found', findings, notes: (outcome.notes ?? []).map((note) => maskSecrets(note)) };
}

export const found = (subject: string, detail: string, action: string): Checked => ({ findings: [{ subject, detail, action }] });
