import { readFile } from 'node:fs/promises';
import type { AlarmBody } from '@recant/api';
import type { Client } from '@recant/client';
import { waitUntil } from '../support/src/wait-until.ts';
import type { Target } from './prometheus.ts';

/** A service as people see it. */
export interface Watched {
  readonly client: Client;
  readonly target: Target;
  /** `recant status --json` in the folder of the service. */
  status(): Promise<string>;
}

export type Place = 'health' | 'status' | 'metrics';

interface Health {
  readonly alarms?: readonly Pick<AlarmBody, 'code' | 'action'>[];
  readonly checks?: Readonly<Record<string, { readonly detail?: string }>>;
}

/** With what to do. On a full disk no alarm can be stored, so a check of health says it. */
function isNamed({ alarms = [], checks = {} }: Health, code: string): boolean {
  const text = code === 'store_full' ? checks.disk?.detail : alarms.find((alarm) => alarm.code === code)?.action;
  return text !== undefined && /\S/.test(text);
}

async function isMeasured({ url, keyFile }: Target, code: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${(await readFile(keyFile, 'utf8')).trim()}` };
  const text = await (await fetch(`${url}/metrics`, { headers })).text();
  return new RegExp(`^recant_(conditions|alarms_open)\\{[^}]*code="${code}"[^}]*\\} [1-9]`, 'm').test(text);
}

const POLL_MS = 1_000;

/** Waits until each place shows the condition. @returns seconds since `startedAt`; undefined: not within the limit */
export async function shownIn(
  { client, target, status }: Watched,
  code: string,
  startedAt: number,
  limitMs: number,
): Promise<ReadonlyMap<Place, number | undefined>> {
  const looks: readonly (readonly [Place, () => Promise<boolean>])[] = [
    ['health', async () => isNamed((await client.healthDetails()) as Health, code)],
    ['status', async () => isNamed((JSON.parse(await status()) as { health: Health }).health, code)],
    ['metrics', () => isMeasured(target, code)],
  ];
  const found = looks.map(async ([place, look]) => {
    const seen = waitUntil(() => look().catch(() => false), { timeoutMs: limitMs, what: `${code} in ${place}`, pollMs: POLL_MS });
    const seconds = await seen.then(
      () => (performance.now() - startedAt) / 1_000,
      () => undefined,
    );
    return [place, seconds] as const;
  });
  return new Map(await Promise.all(found));
}
