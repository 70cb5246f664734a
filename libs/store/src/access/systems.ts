import type { JsonObject } from '@recant/events';
import type { PrismaClient } from '../generated/client.ts';
import type { Sealer } from './sealer.ts';

/** A registered target of rollback. */
export interface SystemRecord {
  readonly name: string;
  readonly connector: string;
  /** The target's identity at registration; compared before anything is undone there. */
  readonly identity?: string;
  /** The system refuses the writes of a frozen agent itself: freezes wait for it. */
  readonly freezes: boolean;
  /** Connector options, including secrets; sealed at rest. */
  readonly options: JsonObject;
  /** Milliseconds since 1970, UTC. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Registered systems of a tenant, by name. Read-after-write. */
export interface Systems {
  /** Registers the system, or replaces the one with the same name. */
  put(
    tenant: string,
    system: Pick<SystemRecord, 'name' | 'connector' | 'identity' | 'options'> & { readonly freezes?: boolean },
  ): Promise<SystemRecord>;
  find(tenant: string, name: string): Promise<SystemRecord | undefined>;
  list(tenant: string): Promise<readonly SystemRecord[]>;
  /** @returns false if it is not registered */
  remove(tenant: string, name: string): Promise<boolean>;
}

export function createSystems(prisma: PrismaClient, sealer: Sealer, clock: () => number): Systems {
  type Row = NonNullable<Awaited<ReturnType<typeof prisma.system.findFirst>>>;
  const toRecord = (row: Row): SystemRecord => ({
    name: row.name,
    connector: row.connector,
    ...(row.identity === null ? {} : { identity: row.identity }),
    freezes: row.freezes,
    options: JSON.parse(sealer.open(row.options, purposeOf(row.tenantId, row.name)).toString()) as JsonObject,
    createdAtMs: row.createdAt.getTime(),
    updatedAtMs: row.updatedAt.getTime(),
  });
  return {
    async put(tenant, { name, connector, identity, options, freezes = false }) {
      const sealed = new Uint8Array(sealer.seal(Buffer.from(JSON.stringify(options)), purposeOf(tenant, name)));
      const data = { connector, identity: identity ?? null, options: sealed, freezes, updatedAt: new Date(clock()) };
      await prisma.tenant.createMany({ data: [{ id: tenant }], skipDuplicates: true });
      const key = { tenantId: tenant, name };
      return toRecord(
        await prisma.system.upsert({ where: { tenantId_name: key }, create: { ...key, ...data, createdAt: data.updatedAt }, update: data }),
      );
    },
    async find(tenant, name) {
      const row = await prisma.system.findUnique({ where: { tenantId_name: { tenantId: tenant, name } } });
      return row === null ? undefined : toRecord(row);
    },
    async list(tenant) {
      return (await prisma.system.findMany({ where: { tenantId: tenant }, orderBy: { name: 'asc' } })).map(toRecord);
    },
    async remove(tenant, name) {
      return (await prisma.system.deleteMany({ where: { tenantId: tenant, name } })).count > 0;
    },
  };
}

function purposeOf(tenant: string, name: string): string {
  return `system.options ${tenant} ${name}`;
}
