// An agent in plain JavaScript with the published packages. Settings come from standard input, because other users can read command lines.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { filesystemSystem } from '@recant/connector-filesystem';
import { postgresSystem } from '@recant/connector-postgres';
import { createRecant } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';

const { url, apiKey, root } = JSON.parse(await text(process.stdin));
const files = filesystemSystem({ name: 'notes', root });
const recant = createRecant({ url, apiKey, agent: 'writer', session: 's1', systems: [files] });
await recant.open();
const result = await recant.action(
  'note',
  { text: 'hello' },
  async () => {
    writeFileSync(join(root, 'a.txt'), 'hello');
    return 'written';
  },
  { resources: ['filesystem://notes/a.txt'], reversibility: 'reversible' },
);
await recant.close();
await files.close();
const exported = [typeof postgresSystem, typeof kafkaTransport];
process.stdout.write(JSON.stringify({ node: process.version, result, exported }));
