import { testDatabase } from '@recant/test-support';
import { expect, test } from 'vitest';
import { generatePrisma } from './generate.ts';
import { tryTool } from './scenario.ts';
import { createWorld, newRole, type Tool } from './world.ts';

test.each(['pg', 'prisma'])(
  'I14: what %s writes through a recorded pool belongs to its action, what bypasses it to the login',
  async (name) => {
    if (name === 'prisma') generatePrisma();
    await using database = await testDatabase();
    await using world = await createWorld({ ownerUrl: database.ownerUrl, role: newRole() });
    const { open } = (await import(`./tools/${name}.mjs`)) as { open(given: object): Promise<Tool> };
    const tool = await open({ record: world.system.record, url: world.url });
    expect(await tryTool(tool, world)).toEqual([]);
  },
);
