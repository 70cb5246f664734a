import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from './repository.ts';

const FOLDERS = '(?:libs|services|test|deploy|prisma|docs)';

/** `a/{b,c}` as `a/b` and `a/c`. */
function expand(path: string): string[] {
  const [, head = '', list = '', tail = ''] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path) ?? [];
  return list === '' ? [path] : list.split(',').flatMap((part) => expand(head + part + tail));
}

/** Paths that a page names in backticks, relative to the repository or to the page. Globs stand for their folder; `<placeholders>` are left out. */
export function pathsNamedBy(markdown: string): string[] {
  const named = [...markdown.matchAll(new RegExp(`\`(${FOLDERS}/[\\w./{},*-]+)\``, 'g'))].map(([, path = '']) => path);
  return named.flatMap(expand).map((path) => path.replace(/\/?\*.*$/, ''));
}

/** Targets of relative links, without their fragment. */
export function linksOf(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}

const exists = (page: string, path: string): boolean => existsSync(join(ROOT, dirname(page), path));

/** Paths and links of a page that lead nowhere. */
export function brokenReferences(page: string, markdown: string): string[] {
  return [
    ...pathsNamedBy(markdown).filter((path) => !exists('.', path) && !exists(page, path)),
    ...linksOf(markdown).filter((target) => !exists(page, target)),
  ];
}

/**
 * Documents that a text cites and that are not in the repository: file names ending in `.md`, and section numbers of a document with a name in
 * capitals. RFCs and other public standards are cited without a dotted number.
 */
export function missingDocuments(file: string, text: string): string[] {
  const names = [...text.matchAll(/(?<![\w./*$}-])((?:[\w.-]+\/)*[A-Za-z][\w-]*\.md)\b/g)].map(([, name = '']) => normalize(name));
  const sections = [...text.matchAll(/\b[A-Z]{5,}(?:\.md)? \d+\.\d+(?![.\d])|\bDESIGN\b/g)].map(([citation]) => citation);
  const isThere = (name: string): boolean => exists('.', name) || exists(file, name) || exists(dirname(file), name);
  return [...names.filter((name) => !isThere(name)), ...sections];
}

export interface Invariant {
  readonly id: string;
  /** Test files listed for it. */
  readonly tests: readonly string[];
  readonly enforced: boolean;
}

/** The sections of docs/invariants.md. */
export function invariantsIn(markdown: string): Invariant[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      id: /^I\d+/.exec(section)?.[0] ?? section.slice(0, 40),
      tests: [...section.matchAll(/^- `(\S+\.test\.ts)`$/gm)].map(([, path = '']) => path),
      enforced: !/^Not enforced yet: \S/m.test(section),
    }));
}

/** Invariants that a text cites. */
export function invariantsCited(text: string): string[] {
  return [...new Set([...text.matchAll(/\bI\d{1,2}\b/g)].map(([id]) => id))].sort();
}
