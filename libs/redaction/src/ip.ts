const OCTET = '(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const GROUPS = 8;

/** Dotted decimal, no leading zeros (RFC 6943, section 3.1.1). */
export const isIpv4 = (text: string): boolean => IPV4.test(text);

/** RFC 4291, section 2.2, without a zone. */
export function isIpv6(text: string): boolean {
  const [head = '', tail, more] = text.split('::');
  if (more !== undefined) return false;
  const before = groupsOf(head, tail === undefined);
  if (tail === undefined) return before === GROUPS;
  return before + groupsOf(tail, true) < GROUPS;
}

/** Number of IPv6 groups in the text; more than GROUPS if it is invalid. A dotted IPv4 address at the end counts as two. */
function groupsOf(text: string, atEnd: boolean): number {
  if (text === '') return 0;
  return text.split(':').reduce((count, group, index, groups) => {
    if (/^[0-9a-f]{1,4}$/i.test(group)) return count + 1;
    return atEnd && index === groups.length - 1 && isIpv4(group) ? count + 2 : count + GROUPS + 1;
  }, 0);
}
