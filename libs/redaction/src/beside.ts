/** Between a name and its value: `name = value`, `name: value`, `"name": "value"`, `--name value`, `NAME 'value'`. */
const SEPARATOR = `(?:\\\\{0,15}["'\`\\]]){0,2}(?:\\s{0,4}(?:=>|:=|=|:)\\s{0,4}|\\s{1,4}(?=["'])|(?<=--[\\w-]{0,64})\\s{1,4}%)`;
/** Quoted values to their quote, also where a text was put into another one as a string of JSON or of SQL, once or again; others to their end. */
const VALUE =
  `(?:\\\\{1,15}["']([^"'\\\\]+)|'{2,8}([^'\\\\\\s][^'\\\\]*)(?='')` +
  `|"((?:[^"\\\\]|\\\\[^])+)|'((?:[^'\\\\]|\\\\[^]|'')+)|([^\\s"'\`\\\\,;&)}\\]>]+))`;

/** What stands beside one of some names. @param words a pattern of them, without groups. @param also another separator than the usual ones */
export const beside = (words: string, also = ''): RegExp =>
  new RegExp(`(?:${words})${SEPARATOR.replace('%', also === '' ? '' : `|${also}`)}${VALUE}`, 'i');
