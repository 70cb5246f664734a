import type { CoverageFinding } from '@recant/connector';
import type { HealthCheck } from '@recant/service';
import type { SystemRecord, Systems, TenantCondition } from '@recant/store';
import type { OpenTargets } from './targets.ts';

interface Checked {
  readonly findings: readonly CoverageFinding[];
  /** Why the system could not be checked. */
  readonly error?: string;
}

export interface CoverageWatch {
  /** The last check. Undefined: not checked yet, or nothing to check. */
  of(tenant: string, system: string): Checked | undefined;
  /** Findings of the last check, by system; one that could not be checked has one. */
  findings(): readonly { readonly system: string; readonly count: number }[];
  health(): Awaited<ReturnType<HealthCheck>>;
  /** One for each system whose capture is not whole, or could not be checked. */
  conditions(): readonly TenantCondition[];
  /** Checks every system of the served tenant now. */
  check(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

export interface CoverageWatchDeps {
  readonly systems: Pick<Systems, 'list'>;
  readonly targets: Pick<OpenTargets, 'open' | 'connectors'>;
  readonly tenant: () => Promise<string | undefined>;
  readonly everyMs: number;
}

const SHOWN_MAX = 3;

/** Asks each system that captures by itself whether its capture is whole. Every replica does, for its own health. */
export function createCoverageWatch({ systems, targets, tenant, everyMs }: CoverageWatchDeps): CoverageWatch {
  let last = new Map<string, Checked>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function checkOne(of: string, { name, connector }: SystemRecord): Promise<Checked | undefined> {
    try {
      const target = await targets.open(of, name, connector);
      const findings = await target?.coverage?.();
      return findings && { findings };
    } catch (error) {
      return { findings: [], error: error instanceof Error ? error.message : String(error) };
    }
  }

  async function check(): Promise<void> {
    const served = await tenant();
    if (served === undefined) return;
    const next = new Map<string, Checked>();
    const watched = (await systems.list(served)).filter(({ connector }) => targets.connectors.get(connector)?.watched);
    for (const system of watched) {
      const checked = await checkOne(served, system);
      if (checked !== undefined) next.set(keyOf(served, system.name), checked);
    }
    last = next;
  }

  const round = (): void => {
    // A ledger database that is away is another check's finding.
    running = check()
      .catch(() => undefined)
      .then(() => {
        if (timer !== undefined) timer = setTimeout(round, everyMs).unref();
      });
  };
  return {
    of: (served, system) => last.get(keyOf(served, system)),
    findings: () => [...last].map(([key, one]) => ({ system: systemOf(key), count: one.error === undefined ? one.findings.length : 1 })),
    health: () => healthOf(last),
    conditions: () => [...last].flatMap(([key, checked]) => conditionsOf(key, checked)),
    check,
    start() {
      timer = setTimeout(round, 0).unref();
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}

const keyOf = (tenant: string, system: string): string => `${tenant} ${system}`;
const systemOf = (key: string): string => key.slice(key.indexOf(' ') + 1);

function healthOf(last: ReadonlyMap<string, Checked>): Awaited<ReturnType<HealthCheck>> {
  const texts = [...last].flatMap(([key, { findings, error }]) => {
    const name = systemOf(key);
    return [...(error === undefined ? [] : [`${name}: ${error}`]), ...findings.map(({ detail, action }) => `${name}: ${detail} ${action}`)];
  });
  if (texts.length === 0) return { status: 'ok' };
  const more = texts.length - SHOWN_MAX;
  return {
    status: 'degraded',
    elsewhere: true,
    detail: [...texts.slice(0, SHOWN_MAX), ...(more > 0 ? [`${more} more: recant systems`] : [])].join(' '),
  };
}

function conditionsOf(key: string, { findings, error }: Checked): TenantCondition[] {
  if (error === undefined && findings.length === 0) return [];
  const at = key.indexOf(' ');
  const [tenant, subject] = [key.slice(0, at), key.slice(at + 1)];
  if (error !== undefined)
    return [
      {
        tenant,
        code: 'coverage_lost',
        subject,
        detail: `Not checked: ${error}`,
        action: 'Restore access to the system; `recant systems` shows it.',
      },
    ];
  const shown = findings.slice(0, SHOWN_MAX);
  const more = findings.length > shown.length ? ` And ${findings.length - shown.length} more: \`recant systems\`.` : '';
  const actions = [...new Set(shown.map(({ action }) => action))];
  return [
    { tenant, code: 'coverage_lost', subject, detail: shown.map(({ detail }) => detail).join(' ') + more, action: actions.join(' ') },
  ];
}
