import { type Connector, ConnectorError, type SystemRegistration, type TargetSystem } from '@recant/connector';
import type { Pool } from 'pg';
import { createDrain } from '../drain/drain.ts';
import { eraseSubject } from '../drain/erase.ts';
import { createFreezing } from '../drain/freezing.ts';
import { readCoverage } from '../install/coverage.ts';
import { acceptHoles } from '../install/holes.ts';
import { readUnwatched } from '../install/unwatched.ts';
import { CONNECTOR } from '../resource.ts';
import { createLoneTables } from './choose-set.ts';
import { readDerived } from './derived-parts.ts';
import { settleApplied } from './fence.ts';
import { invert } from './invert.ts';
import { probe } from './probe.ts';
import { readValues } from './read-values.ts';
import { readRegistry } from './registry.ts';
import { rehearse } from './rehearse.ts';
import { inTransaction, isSqlError, openPool, STATEMENT_MS } from './session.ts';

/**
 * The rollback service's side. `options.url`: the undo login of `preparePostgres`, or the login that prepared the target; `options.drainUrl`: its drain login;
 * `options.statementMs`: how long one statement of an inverse may take, in milliseconds.
 */
export const postgresConnector: Connector = {
  kind: CONNECTOR,
  watched: true,
  async open(registration) {
    const { url, drainUrl } = addressesOf(registration);
    const statementMs = statementMsOf(registration);
    const pool = openPool(url, statementMs);
    try {
      await inTransaction(pool, (client) => readRegistry(client, registration.name));
    } catch (error) {
      await pool.end();
      if (isSqlError(error))
        throw new ConnectorError(
          'not_prepared',
          `Permission denied on the capture tables: ${error.message}. Use the login that ran preparePostgres.`,
          { cause: error },
        );
      throw error;
    }
    return targetOf(registration.name, { pool, drainPool: drainUrl === undefined ? pool : openPool(drainUrl), statementMs });
  },
};

interface Opened {
  readonly pool: Pool;
  readonly drainPool: Pool;
  readonly statementMs: number;
}

function targetOf(name: string, { pool, drainPool, statementMs }: Opened): TargetSystem {
  let closed: Promise<void> | undefined;
  const loneTables = createLoneTables();
  return {
    name,
    connector: CONNECTOR,
    identity: () =>
      inTransaction(pool, async (client) => {
        const { rows } = await client.query<{ identity: string }>(IDENTITY_SQL);
        if (rows[0] === undefined)
          throw new ConnectorError('not_prepared', 'The database is not prepared for capture. Run preparePostgres.');
        return rows[0].identity;
      }),
    rehearse: (steps) => rehearse(pool, name, steps),
    probe: (parts) => probe(pool, name, parts),
    values: (asked) => readValues(pool, name, asked),
    invert: (batch) => invert(pool, name, batch, { statementMs, lone: loneTables(batch.run) }),
    applied: (run, steps, token) => settleApplied(pool, name, run, steps, token),
    coverage: () => inTransaction(pool, (client) => readCoverage(client, name)),
    derived: () => inTransaction(pool, (client) => readDerived(client, name)),
    uncaptured: (of) => inTransaction(pool, (client) => readUnwatched(client, of)),
    acceptIncomplete: (scope, by, reason) => inTransaction(pool, (client) => acceptHoles(client, name, { scope, by, reason })),
    erase: (subject, waiting) => inTransaction(drainPool, (client) => eraseSubject(client, subject, waiting)),
    drain: createDrain(drainPool, name),
    freezing: createFreezing(drainPool),
    close: () => {
      closed ??= Promise.all([...new Set([pool, drainPool])].map((one) => one.end())).then(() => undefined);
      return closed;
    },
  };
}

/** The capture's own identity, the cluster and the database in it: a copy restored elsewhere is another system. */
const IDENTITY_SQL = `SELECT y.identity || '@' || c.system_identifier || '/' || d.oid AS identity
FROM recant.system y, pg_control_system() c, pg_database d WHERE d.datname = current_database()`;

function addressesOf({ name, options }: SystemRegistration): { readonly url: string; readonly drainUrl?: string } {
  const addressOf = (option: 'url' | 'drainUrl'): string => {
    const url = options[option];
    if (typeof url !== 'string' || !/^postgres(ql)?:\/\//.test(url))
      throw new ConnectorError('options_invalid', `Invalid options of system ${name}: \`${option}\` is not a postgres:// URL.`);
    // Node refuses it from within the driver, which then never answers.
    if (/%00|\0/.test(url))
      throw new ConnectorError('options_invalid', `Invalid options of system ${name}: \`${option}\` contains U+0000.`);
    return url;
  };
  return { url: addressOf('url'), ...(options.drainUrl === undefined ? {} : { drainUrl: addressOf('drainUrl') }) };
}

const STATEMENT_MS_MAX = 3_600_000;

function statementMsOf({ name, options }: SystemRegistration): number {
  const { statementMs = STATEMENT_MS } = options;
  if (typeof statementMs === 'number' && Number.isInteger(statementMs) && statementMs >= 100 && statementMs <= STATEMENT_MS_MAX)
    return statementMs;
  throw new ConnectorError(
    'options_invalid',
    `Invalid options of system ${name}: \`statementMs\` is not a whole number of milliseconds between 100 and ${STATEMENT_MS_MAX}.`,
  );
}
