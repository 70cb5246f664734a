import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres } from '@recant/local-postgres';
import pg from 'pg';

/** The systems of the agents: a database on its own server and a folder, both with the images that undoing needs. Not searched. */
export interface Target extends AsyncDisposable {
  readonly ownerUrl: string;
  readonly agentUrl: string;
  readonly root: string;
  readonly store: string;
}

/** The agents' login. */
export const AGENT_ROLE = 'agent';
/** The target refuses to delete a row of `sealed`, with a message that quotes the row. */
const SCHEMA = `
  CREATE TABLE note (id integer PRIMARY KEY, body text NOT NULL);
  CREATE TABLE filed (agent text, name text, PRIMARY KEY (agent, name));
  CREATE TABLE sealed (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, body text NOT NULL);
  CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not removed: %', OLD.body; END $$;
  CREATE TRIGGER keep BEFORE DELETE ON sealed FOR EACH ROW EXECUTE FUNCTION keep();
`;

export async function openTarget(folder: string, password: string): Promise<Target> {
  await mkdir(join(folder, 'files'), { recursive: true });
  const server = await startPostgres({ dataDir: join(folder, 'postgres'), durable: false, temporary: true });
  const { ownerUrl } = await server.ensureDatabase('shop');
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  await owner.query(`${SCHEMA}; CREATE ROLE ${AGENT_ROLE} LOGIN PASSWORD '${password}'; GRANT ALL ON note, filed, sealed TO ${AGENT_ROLE}`);
  await owner.end();
  const agentUrl = Object.assign(new URL(ownerUrl), { username: AGENT_ROLE, password }).href;
  return {
    ...{ ownerUrl, agentUrl, root: join(folder, 'files'), store: join(folder, 'images') },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
