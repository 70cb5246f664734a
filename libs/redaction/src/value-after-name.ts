/** Between a name and its value: `name = value`, `name: value`, `"name": "value"`, `--name value`, `NAME 'value'`. */
const SEPARATOR = `(?:\\\\{0,15}["'\`\\]]){0,2}(?:\\s{0,4}(?:=>|:=|=|:)\\s{0,4}|\\s{1,4}(?=["'])|(?<=--[\\w-]{0,64})\\s{1,4}%)`;
/** A quoted value up to its closing quote, also if the text was escaped into JSON or SQL strings, once or repeatedly; an unquoted value up to its end. */
const VALUE =
  `(?:\\\\{1,15}["']([^"'\\\\]+)|'{2,8}([^'\\\\\\s][^'\\\\]*)(?='')` +
  `|"((?:[^"\\\\]|\\\\[^])+)|'((?:[^'\\\\]|\\\\[^]|'')+)|([^\\s"'\`\\\\,;&)}\\]>]+))`;

/** Matches the value after one of some names. @param words pattern of the names, without groups. @param also an additional separator */
export const valueAfterName = (words: string, also = ''): RegExp =>
  new RegExp(`(?:${words})${SEPARATOR.replace('%', also === '' ? '' : `|${also}`)}${VALUE}`, 'i');
