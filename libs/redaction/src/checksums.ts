/** The digits of a text, without separators. */
export const digitsOf = (text: string): string => text.replace(/\D+/g, '');

/** ISO/IEC 7812-1, annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Remainder of a decimal number of any length. */
export function remainder(digits: string, modulus: number): number {
  let rest = 0;
  for (const digit of digits) rest = (rest * 10 + Number(digit)) % modulus;
  return rest;
}

/** Weighted sum of digits; weights repeat. */
export function weighted(digits: string, weights: readonly number[]): number {
  return [...digits].reduce((sum, digit, index) => sum + Number(digit) * (weights[index % weights.length] as number), 0);
}

/** ISO 13616: with the first four characters moved to the end and letters as 10 to 35, the number modulo 97 is 1. */
export function isIban(text: string): boolean {
  const moved = `${text.slice(4)}${text.slice(0, 4)}`.toUpperCase();
  return (
    remainder(
      moved.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55)),
      97,
    ) === 1
  );
}

/** German tax identification number (Steuer-ID): ISO 7064 MOD 11,10 over eleven digits; exactly one of the first ten digits is repeated, two or three times. */
export function isGermanTaxId(digits: string): boolean {
  const counts = new Map<string, number>();
  for (const digit of digits.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  const repeated = [...counts.values()].filter((count) => count > 1);
  if (repeated.length !== 1 || (repeated[0] as number) > 3) return false;
  let product = 10;
  for (const digit of digits.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10;
    product = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return (11 - product) % 10 === Number(digits[10]);
}

/** Spanish DNI and NIE: the number modulo 23 determines the letter. */
export function isSpanishId(text: string): boolean {
  const number = text.slice(0, -1).replace(/^[XYZ]/i, (letter) => String('XYZ'.indexOf(letter.toUpperCase())));
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(number) % 23] === text.at(-1)?.toUpperCase();
}

/** Italian codice fiscale: characters at odd positions count by this table, those at even positions by their order. */
const ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
export function isItalianTaxCode(text: string): boolean {
  const places = [...text.toUpperCase()].map((character) => (/\d/.test(character) ? Number(character) : character.charCodeAt(0) - 65));
  const sum = places.slice(0, 15).reduce((total, place, index) => total + (index % 2 === 0 ? (ODD[place] as number) : place), 0);
  return sum % 26 === places[15];
}

/** Brazilian CPF: two check digits, each a weighted sum of the preceding digits modulo 11. */
export function isBrazilianTaxId(digits: string): boolean {
  const check = (length: number): number => {
    const rest =
      weighted(
        digits.slice(0, length),
        Array.from({ length }, (_, index) => length + 1 - index),
      ) % 11;
    return rest < 2 ? 0 : 11 - rest;
  };
  return !/^(\d)\1{10}$/.test(digits) && check(9) === Number(digits[9]) && check(10) === Number(digits[10]);
}
