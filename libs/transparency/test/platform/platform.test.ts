import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import edges from '../fixtures/ed25519-edges.json' with { type: 'json' };
import { outcomes } from './outcomes.ts';

const run = promisify(execFile);
const sources = join(import.meta.dirname, '../../src');

describe('every platform', () => {
  it('shares all code except one file, the only one that uses Node', async () => {
    const files = (await readdir(sources, { recursive: true })).filter(
      (file) => file.endsWith('.ts') && file !== join('crypto', 'node.ts'),
    );
    for (const file of files) {
      expect(await readFile(join(sources, file), 'utf8'), file).not.toMatch(/node:|\bBuffer\b|\bprocess\b|\brequire\(/);
    }
    expect(files.length).toBeGreaterThan(20);
  });

  it('refuses points of small order and non-canonical ones, and takes the equation without the cofactor (C2SP/CCTV ed25519 edges)', async () => {
    const results = await outcomes();
    for (const { number, flags } of edges.vectors) {
      const weak = flags.some((flag) => flag === 'low_order_A' || flag === 'non_canonical_A');
      const refused = flags.some((flag) => ['low_order_R', 'non_canonical_R', 'low_order_residue'].includes(flag));
      expect(results[`C2SP/CCTV ed25519 ${number}`], `${number}: ${flags.join(' ')}`).toBe(weak ? 'key_invalid' : String(!refused));
    }
  });

  it.each([[[]], [['--conditions=browser']]])('gives the same result for every vector: node %j', async (conditions) => {
    const script = join(import.meta.dirname, 'print-outcomes.ts');
    const { stdout } = await run(process.execPath, [...conditions, script], { maxBuffer: 2 ** 24 });
    expect(JSON.parse(stdout)).toEqual(await outcomes());
  });
});
