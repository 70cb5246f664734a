import { type CampaignOptions, PLACES, type Place, type Searched } from './campaign.ts';

/** Without redaction, each value must be found in one place of every group. Database files may compress a value; the dumped rows do not. */
const SEEN_IN: readonly (readonly Place[])[] = [['database', 'rows'], ['exports'], ['broker']];

/** Violations: a value that was found or, with redaction off, one that was not. */
export function complaintsOf(
  { planted, found, unsealed }: Pick<Searched, 'planted' | 'found' | 'unsealed'>,
  { redaction, kafka }: Pick<CampaignOptions, 'redaction' | 'kafka'>,
): string[] {
  const complaints = PLACES.flatMap((place) =>
    planted.flatMap(({ name, own }, value) => {
      const where = found[place].get(value);
      return where !== undefined && (redaction || own) ? [`${name} was found in ${place}: ${where.slice(0, 3).join(', ')}`] : [];
    }),
  );
  if (redaction) return unsealed ? complaints : [...complaints, 'no sealed value can be read'];
  const unseen = SEEN_IN.filter((places) => kafka || !places.includes('broker')).flatMap((places) =>
    planted.flatMap(({ name, own }, value) =>
      own || places.some((place) => found[place].has(value)) ? [] : [`${name} was not found in ${places.join(' or ')}`],
    ),
  );
  return [...complaints, ...unseen];
}
