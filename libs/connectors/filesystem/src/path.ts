import { ConnectorError } from '@recant/connector';
import { formatResource, parseResource, percentDecode, percentEncode } from '@recant/events';
import { NAME_BYTES_MAX, PATH_DEPTH_MAX } from './limits.ts';

/** Below the root, segments joined by `/`, none of them empty, `.` or `..`; the root itself is the empty text. Only this module makes one. */
export type Path = string & { readonly path: unique symbol };

export const CONNECTOR = 'filesystem';
export const ROOT = '' as Path;

/** Reserved names of temporary files while a file is written. */
const OWN_NAME = /^\.recant-\d+(-old)?$/;
export const ownName = (ordinal: number): string => `.recant-${ordinal}`;
/** Name of a file that is set aside while its successor is put in place. */
export const asideName = (ordinal: number): string => `${ownName(ordinal)}-old`;
export const isOwnName = (name: string): boolean => OWN_NAME.test(name);

/**
 * Parses a path relative to the root.
 * @throws ConnectorError `resource_invalid` where the path could leave the root or has no resource URI.
 */
export function pathOf(text: string): Path {
  const refused = (why: string) =>
    new ConnectorError('resource_invalid', `Invalid path ${JSON.stringify(text.slice(0, 200))}: it ${why}. Use a path below the root.`);
  if (text.startsWith('/')) throw refused('is absolute');
  const names = text.split('/').filter((name) => name !== '' && name !== '.');
  for (const name of names) {
    const problem = problemOf(name);
    if (problem !== undefined) throw refused(problem);
  }
  if (names.length > PATH_DEPTH_MAX) throw refused(`is more than ${PATH_DEPTH_MAX} folders deep`);
  return names.join('/') as Path;
}

function problemOf(name: string): string | undefined {
  if (name === '..') return 'contains ".."';
  if (name.includes('\0')) return 'contains a NUL';
  if (!name.isWellFormed()) return 'is not valid Unicode';
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `has a name longer than ${NAME_BYTES_MAX} bytes`;
  return isOwnName(name) ? 'has a name reserved for temporary files' : undefined;
}

/** @throws ConnectorError `resource_invalid` where the URI would be too long. */
export function resourceOf(system: string, path: Path): string {
  try {
    return formatResource({ connector: CONNECTOR, system, path: path.split('/').map(percentEncode).join('/') });
  } catch (cause) {
    throw new ConnectorError('resource_invalid', `No resource URI for ${JSON.stringify(path.slice(0, 200))}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Path of a canonical resource URI of this system; undefined for anything else, which is never read. */
export function pathOfResource(system: string, resource: string): Path | undefined {
  const parsed = parseResource(resource);
  if (parsed === undefined || parsed.connector !== CONNECTOR || parsed.system !== system) return undefined;
  try {
    const path = pathOf(parsed.path.split('/').map(decodeName).join('/'));
    return resourceOf(system, path) === resource ? path : undefined;
  } catch {
    return undefined;
  }
}

function decodeName(piece: string): string {
  const name = percentDecode(piece);
  if (name.includes('/')) throw new ConnectorError('resource_invalid', 'A name contains a slash.');
  return name;
}

export function parentOf(path: Path): Path {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as Path;
}
export function nameOf(path: Path): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
/** @param name of a child, as the folder lists it. */
export function childOf(path: Path, name: string): Path {
  return (path === ROOT ? name : `${path}/${name}`) as Path;
}
export function isWithin(path: Path, folder: Path): boolean {
  return folder === ROOT || path === folder || path.startsWith(`${folder}/`);
}
export function depthOf(path: Path): number {
  return path === ROOT ? 0 : path.split('/').length;
}
/** The path moved from one folder to another. */
export function rebase(path: Path, from: Path, to: Path): Path {
  return `${to}${path.slice(from.length)}` as Path;
}
