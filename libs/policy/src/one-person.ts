/** The one id of a person who signs in under several: approvals compare those. */
export type OnePerson = (id: string) => string;

/**
 * Logins of one human: `<subject>=<subject>`, comma-separated groups; `=`, `,` and `%` of a subject are percent-encoded. A subject in two groups joins them.
 * @returns undefined if the text has another form
 */
export function parseOnePerson(text: string): OnePerson | undefined {
  const first = new Map<string, string>();
  const find = (id: string): string => {
    const before = first.get(id);
    return before === undefined ? id : find(before);
  };
  for (const group of text.split(',').filter((each) => each.trim() !== '')) {
    const subjects = group.split('=').map((each) => decoded(each.trim()));
    if (subjects.length < 2 || subjects.some((each) => each === undefined || each === '')) return undefined;
    const [one, ...others] = subjects.map((subject) => find(`person:${subject}`)) as [string, ...string[]];
    for (const other of others) if (find(other) !== find(one)) first.set(find(other), find(one));
  }
  return find;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
