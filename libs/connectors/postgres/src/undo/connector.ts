import { type Connector, ConnectorError, type SystemRegistration, type TargetSystem } from '@recant/connector';
import type { Pool } from 'pg';
import { createDrain } from '../drain/drain.ts';
import { readCoverage } from '../install/coverage.ts';
import { acceptHoles } from '../install/holes.ts';
import { CONNECTOR } from '../resource.ts';
import { readApplied } from './applied.ts';
import { invert } from './invert.ts';
import { probe } from './probe.ts';
import { readRegistry } from './registry.ts';
import { rehearse } from './rehearse.ts';
import { inTransaction, isSqlError, openPool } from './session.ts';

/** The rollback service's side. `options.url`: the undo login of `preparePostgres`, or the login that prepared the target. */
export const postgresConnector: Connector = {
  kind: CONNECTOR,
  watched: true,
  async open(registration) {
    const pool = openPool(urlOf(registration));
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
    return targetOf(registration.name, pool);
  },
};

function targetOf(name: string, pool: Pool): TargetSystem {
  let closed: Promise<void> | undefined;
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
    invert: (batch) => invert(pool, name, batch),
    applied: (run, steps) => inTransaction(pool, (client) => readApplied(client, name, run, steps)),
    coverage: () => inTransaction(pool, (client) => readCoverage(client, name)),
    acceptIncomplete: (scope, by, reason) => inTransaction(pool, (client) => acceptHoles(client, name, { scope, by, reason })),
    drain: createDrain(pool, name),
    close: () => {
      closed ??= pool.end();
      return closed;
    },
  };
}

/** The capture's own identity, the cluster and the database in it: a copy restored elsewhere is another system. */
const IDENTITY_SQL = `SELECT y.identity || '@' || c.system_identifier || '/' || d.oid AS identity
FROM recant.system y, pg_control_system() c, pg_database d WHERE d.datname = current_database()`;

function urlOf({ name, options }: SystemRegistration): string {
  const { url } = options;
  if (typeof url !== 'string' || !/^postgres(ql)?:\/\//.test(url)) {
    throw new ConnectorError('options_invalid', `Invalid options of system ${name}: \`url\` is not a postgres:// URL.`);
  }
  // Node refuses it from within the driver, which then never answers.
  if (/%00|\0/.test(url)) throw new ConnectorError('options_invalid', `Invalid options of system ${name}: \`url\` contains U+0000.`);
  return url;
}
