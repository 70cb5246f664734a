/** What an agent does to a row of `accounts`, and what an outside writer does to it while it is undone. */
export interface Kind {
  readonly name: string;
  agent(id: number): string;
  /** @param value no other change has it */
  outside(id: number, value: number): string;
  /** The outside change is there. */
  stands(id: number, value: number): string;
  /** What the outside writer did has no place in the agent's row: the step's finding cannot say who it was. */
  readonly isElsewhere?: true;
  /** Not of a row that the run has locked: the outside writer would wait, and find nothing to change. */
  readonly onlyBefore?: true;
}

/** Rows of which agents change nothing, one for each of the others. */
const SPARE = 1_000_000;
/** Rows that are not there at first. */
export const NEW = 2_000_000;

export const SCHEMA = `
CREATE TABLE accounts (id int PRIMARY KEY, amount int NOT NULL, code int UNIQUE);
-- Every write of an inverse waits here, between its tests and its first row, while the campaign has the lock.
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF current_setting('application_name') LIKE 'recant-run/%' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN NULL; END $$;
CREATE TRIGGER gate BEFORE INSERT OR UPDATE OR DELETE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION gate()`;

/** Before the agent. */
export const rowsOf = (ids: readonly number[]): string =>
  `INSERT INTO accounts SELECT g, 100, g FROM unnest('{${ids.join(',')}}'::int[]) g UNION ALL SELECT g + ${SPARE}, 100, g + ${SPARE} FROM unnest('{${ids.join(',')}}'::int[]) g`;

const at = (id: number, value: number): string => `SELECT FROM accounts WHERE id = ${id} AND amount = ${value}`;

export const KINDS: readonly Kind[] = [
  {
    name: 'updated, then updated',
    agent: (id) => `UPDATE accounts SET amount = amount + 1 WHERE id = ${id}`,
    outside: (id, value) => `UPDATE accounts SET amount = ${value} WHERE id = ${id}`,
    stands: at,
  },
  {
    name: 'updated, then deleted',
    agent: (id) => `UPDATE accounts SET amount = amount + 1 WHERE id = ${id}`,
    outside: (id) => `DELETE FROM accounts WHERE id = ${id}`,
    stands: (id) => `SELECT WHERE NOT EXISTS (SELECT FROM accounts WHERE id = ${id})`,
  },
  {
    name: 'deleted, then inserted',
    agent: (id) => `DELETE FROM accounts WHERE id = ${id}`,
    outside: (id, value) => `INSERT INTO accounts VALUES (${id}, ${value}, ${id})`,
    stands: at,
  },
  {
    name: 'a unique value given up, then taken by another row',
    agent: (id) => `UPDATE accounts SET code = -${id} WHERE id = ${id}`,
    outside: (id) => `UPDATE accounts SET code = ${id} WHERE id = ${id + SPARE}`,
    stands: (id) => `SELECT FROM accounts WHERE id = ${id + SPARE} AND code = ${id}`,
    isElsewhere: true,
  },
  {
    name: 'inserted, then updated',
    agent: (id) => `INSERT INTO accounts VALUES (${id + NEW}, 100, ${id + NEW})`,
    outside: (id, value) => `UPDATE accounts SET amount = ${value} WHERE id = ${id + NEW}`,
    stands: (id, value) => at(id + NEW, value),
    onlyBefore: true,
  },
];
