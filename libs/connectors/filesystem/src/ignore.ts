import { ConnectorError } from '@recant/connector';
import { isWithin, type Path, pathOf } from './path.ts';

export type PathFilter = (path: Path) => boolean;

const PATTERNS_MAX = 1_000;

/**
 * Paths that match a pattern, or lie below one that does. A pattern without a slash matches a name at any depth, one with a slash a path from the root;
 * `*` stands for characters of one name, `**` for any.
 * @throws ConnectorError `options_invalid`
 */
export function createIgnore(patterns: readonly string[] = []): PathFilter {
  if (patterns.length > PATTERNS_MAX || patterns.some((pattern) => pattern.replace(/^\/|\/$/g, '') === ''))
    throw new ConnectorError(
      'options_invalid',
      `Invalid \`ignore\`: expected at most ${PATTERNS_MAX} patterns such as node_modules or build/*.log.`,
    );
  if (patterns.length === 0) return () => false;
  const all = new RegExp(`^(?:${patterns.map(sourceOf).join('|')})(?:/|$)`, 's');
  return (path) => all.test(path);
}

function sourceOf(pattern: string): string {
  const rooted = pattern.replace(/\/$/, '').includes('/');
  const text = pattern
    .replace(/^\/|\/$/g, '')
    .split(/(\*\*?)/)
    .map((piece) => (piece === '**' ? '.*' : piece === '*' ? '[^/]*' : piece.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')))
    .join('');
  return rooted ? text : `(?:.*/)?${text}`;
}

/** Paths at or below one of these. @throws ConnectorError `resource_invalid` */
export function createWithin(folders: readonly string[] = []): PathFilter {
  const paths = folders.map(pathOf);
  return (path) => paths.some((folder) => isWithin(path, folder));
}
