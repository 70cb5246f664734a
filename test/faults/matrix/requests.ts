import type { Operation } from './plan.ts';

/** Which requests are of an operation. The struck tenant's, where a request names one, so that other tenants are struck only if they wait for it. */
export interface Struck {
  readonly tenant: string;
  readonly others: readonly string[];
  /** Key ids of the tenant. */
  readonly keyIds: readonly string[];
}

/** Kafka's request types that matter here, by number (the second field of a request). */
const FETCH = 1;
const JOIN_GROUP = 11;

/** Where the requests of an operation pass: before PostgreSQL, or before Kafka. */
export const placeOf = (operation: Operation): 'postgres' | 'kafka' =>
  operation === 'fetch' || operation === 'join' ? 'kafka' : 'postgres';

export function matcherOf(operation: Operation, { tenant, others, keyIds }: Struck): (request: Buffer) => boolean {
  const sql = (test: (text: string) => boolean) => (request: Buffer) => test(request.toString('latin1'));
  const kafka = (type: number) => (request: Buffer) => request.length > 8 && request.readInt16BE(4) === type;
  const isOnly = (text: string) => text.includes(`'${tenant}'`) && others.every((other) => !text.includes(`'${other}'`));
  const matchers: Readonly<Record<Operation, (request: Buffer) => boolean>> = {
    append: sql((text) => text.includes('FROM recant.log WHERE') && text.includes('FOR UPDATE') && isOnly(text) && !isOfKafka(text)),
    'look-up': sql((text) => text.includes('recant-find-keys') && keyIds.some((keyId) => text.includes(keyId))),
    publish: sql((text) => text.includes('pg_try_advisory_lock') && text.includes(`${tenant}/`)),
    query: sql((text) => text.includes('intended_ms')),
    position: sql(isOfKafka),
    fetch: kafka(FETCH),
    join: kafka(JOIN_GROUP),
  };
  return matchers[operation];
}

const isOfKafka = (text: string): boolean => text.includes('UPDATE recant.kafka_position');
