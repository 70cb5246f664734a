import { type DatabaseFacts, diagnoseDatabase, StoreError } from '@recant/store';
import { type Check, type Finding, found } from './report.ts';

/** int8multirange, which the alarm watch uses. */
const VERSION_MIN = 14;
/** Milliseconds. Expiry of keys and leases of runs follow both clocks. */
const CLOCK_MS_MAX = 5_000;
const SHOWN_MAX = 3;

/** @param url undefined: no DATABASE_URL, and no service has run in the folder */
export function checkDatabase(url: string | undefined, nowMs: () => number): Check {
  return {
    name: 'database',
    async run() {
      if (url === undefined) return { off: 'DATABASE_URL is not set, and the data folder names no database' };
      try {
        return { findings: findingsOf(await diagnoseDatabase(url, nowMs)) };
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        const action =
          error.code === 'unreachable'
            ? 'Start PostgreSQL (`recant up` starts its own), or correct DATABASE_URL.'
            : 'Correct DATABASE_URL.';
        return found('database', error.message, action);
      }
    },
  };
}

function findingsOf(facts: DatabaseFacts): Finding[] {
  const { version, clockOffsetMs, clockErrorMs, login, superuser, missingRoles, missingColumns, unknownColumns } = facts;
  const major = Math.floor(version / 10_000);
  const found: (Finding | false)[] = [
    major < VERSION_MIN && {
      subject: `PostgreSQL ${major}`,
      detail: `Expected PostgreSQL ${VERSION_MIN} or later, got ${major}.`,
      action: 'Upgrade the server with pg_upgrade.',
    },
    Math.abs(clockOffsetMs) - clockErrorMs > CLOCK_MS_MAX && {
      subject: 'clock',
      detail: `The database's clock is ${(Math.abs(clockOffsetMs) / 1_000).toFixed(1)} s ${clockOffsetMs > 0 ? 'ahead of' : 'behind'} this machine's.`,
      action: 'Synchronise both with NTP: `timedatectl set-ntp true`.',
    },
    missingColumns.length > 0 && {
      subject: 'layout',
      detail: `The database lacks ${shown(missingColumns)}: it has the layout of an older Recant.`,
      action: 'Start the service with a login that may migrate (`recant up` does), or run `npx prisma migrate deploy` as the owner.',
    },
    unknownColumns.length > 0 && {
      subject: 'layout',
      detail: `The database has ${shown(unknownColumns)}, which this Recant does not know: a newer one has migrated it.`,
      action: 'Upgrade this Recant to the version that migrated the database.',
    },
    missingRoles.length > 0 && {
      subject: `login ${login}`,
      detail: `The login is not a member of ${missingRoles.join(' and ')}: nothing can be recorded or read.`,
      action: `As the owner: GRANT ${missingRoles.join(', ')} TO "${login}"`,
    },
    superuser && {
      subject: `login ${login}`,
      detail: 'The services connect as a superuser, which can change recorded entries.',
      action:
        'Give DATABASE_URL a login of its own: CREATE ROLE recant_service LOGIN; GRANT recant_writer, recant_reader TO recant_service',
    },
  ];
  return found.filter((each) => each !== false);
}

const shown = (names: readonly string[]): string =>
  names.slice(0, SHOWN_MAX).join(', ') + (names.length > SHOWN_MAX ? ` and ${names.length - SHOWN_MAX} more columns` : '');
