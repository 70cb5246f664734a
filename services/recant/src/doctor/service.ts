import { isNotice } from '@recant/api';
import { type Client, ConnectionError } from '@recant/client';
import { type Check, type Finding, found } from './report.ts';

/** Milliseconds between the clock of the service and this machine's. HTTP dates have whole seconds. */
const CLOCK_MS_MAX = 6_000;
const ANSWER_MS_MAX = 5_000;

/** What commands need of the service. */
export interface ServicePlace {
  readonly url: string;
  readonly client: Client;
  readonly nowMs: () => number;
}

/** Health and alarms of the service, each with what to do. @param place why there is none */
export function checkService(place: ServicePlace | { readonly missing: string }): Check {
  return {
    name: 'service',
    async run() {
      if ('missing' in place) return found('service', place.missing, 'Start it with `recant up`, or set RECANT_URL and RECANT_API_KEY.');
      try {
        const [health, clock] = await Promise.all([place.client.healthDetails(), clockFinding(place)]);
        const checks = Object.entries(health.checks ?? {}).filter(([, { status }]) => status !== 'ok');
        const alarms = (health.alarms ?? []).filter(({ code, acknowledged }) => acknowledged === undefined && !isNotice(code));
        const degraded = checks.map(([name, { detail }]) => ({
          subject: `check ${name}`,
          detail: detail ?? 'degraded',
          action: 'recant status',
        }));
        const open = alarms.map(({ code, subject, detail, action }) => ({ subject: `${code} ${subject}`, detail, action }));
        return { findings: [...clock, ...degraded, ...open] };
      } catch (error) {
        if (error instanceof ConnectionError) return found(place.url, error.message, 'Start it with `recant up`, or correct RECANT_URL.');
        throw error;
      }
    },
  };
}

async function clockFinding({ url, nowMs }: ServicePlace): Promise<Finding[]> {
  const response = await fetch(new URL('/health/live', url), { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).catch(() => undefined);
  const at = Date.parse(response?.headers.get('date') ?? '');
  if (Number.isNaN(at) || Math.abs(at - nowMs()) <= CLOCK_MS_MAX) return [];
  const detail = `The clock of the service and this machine's differ by ${Math.round(Math.abs(at - nowMs()) / 1_000)} s; time windows such as \`--window 10m\` select other actions.`;
  return [{ subject: 'clock', detail, action: 'Synchronise both with NTP: `timedatectl set-ntp true`.' }];
}
