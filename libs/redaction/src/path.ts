/** A member or list index, or `*` for all of them. */
export type PathSegment = { readonly at: string } | '*';

const SEGMENT = /\.([A-Za-z_$][\w$-]{0,127})|\[(\d{1,9})\]|\["([^"\\]{1,128})"\]|(\.\*|\[\*\])/y;

/** Parses the subset of JSONPath (RFC 9535) with `$`, `.name`, `["name"]`, `[0]`, `.*` and `[*]`. Undefined for anything else. */
export function parsePath(path: string): readonly PathSegment[] | undefined {
  if (typeof path !== 'string' || !path.startsWith('$')) return undefined;
  const segments: PathSegment[] = [];
  for (let at = 1; at < path.length; at = SEGMENT.lastIndex) {
    SEGMENT.lastIndex = at;
    const match = SEGMENT.exec(path);
    if (match === null) return undefined;
    const [, name, index, quoted, all] = match;
    segments.push(all === undefined ? { at: name ?? index ?? quoted ?? '' } : '*');
  }
  return segments;
}

export function pathMatches(path: readonly PathSegment[], at: readonly string[]): boolean {
  return path.length === at.length && path.every((segment, index) => segment === '*' || segment.at === at[index]);
}
