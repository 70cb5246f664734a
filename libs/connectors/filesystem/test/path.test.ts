import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pathOf, pathOfResource, resourceOf } from '../src/path.ts';

test('paths and resources map one to one, with any characters', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (names) => {
      let path: ReturnType<typeof pathOf>;
      try {
        path = pathOf(names.join('/'));
      } catch {
        return;
      }
      if (path !== '') expect(pathOfResource('notes', resourceOf('notes', path))).toBe(path);
    }),
  );
});

test('an accepted resource is the only spelling of a path below the root', () => {
  const piece = fc.constantFrom('..', '.', '', '%2E', '%2F', '%00', '%25', '%41', 'a', 'b', '/', '\\', '\0', '%', '%ff', '*', '?', '#');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const resource = `filesystem://notes/${pieces.join('')}`;
      const path = pathOfResource('notes', resource);
      if (path === undefined) return;
      expect(path.split('/')).not.toContain('..');
      expect(path.startsWith('/')).toBe(false);
      expect(path).not.toContain('\0');
      expect(resourceOf('notes', path)).toBe(resource);
    }),
    { numRuns: 2_000 },
  );
});
