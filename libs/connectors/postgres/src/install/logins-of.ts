/**
 * SQL that says whether a login belongs to these sources: it named one of them, or `connect` let it name only sources with a prefix that one of them has. A login
 * that may name any source belongs to those that it named.
 * @param login, prefix, sources expressions: of `recant.agent`, and a text[]
 */
export const belongsTo = (login: string, prefix: string, sources: string): string => `(EXISTS (
    SELECT FROM recant.source named WHERE named.login = ${login} AND named.source = ANY (${sources}))
  OR ${prefix} <> '' AND EXISTS (SELECT FROM unnest(${sources}) given(source) WHERE starts_with(given.source, ${prefix})))`;
