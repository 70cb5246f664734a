import { type CampaignOptions, PLACES, type Place, type Searched } from './campaign.ts';

/** What has to hold every value where nothing is taken out. A file of the database may hold it compressed: then its rows tell. */
const SEEN_IN: readonly (readonly Place[])[] = [['database', 'rows'], ['exports'], ['broker']];

/** What should not be: a value that was found; with redaction off, one that was not. */
export function complaintsOf(
  { planted, found, unsealed }: Pick<Searched, 'planted' | 'found' | 'unsealed'>,
  { redaction, kafka }: Pick<CampaignOptions, 'redaction' | 'kafka'>,
): string[] {
  const complaints = PLACES.flatMap((place) =>
    planted.flatMap(({ name, own }, value) => {
      const where = found[place].get(value);
      return where !== undefined && (redaction || own) ? [`${name} stands in ${place}: ${where.slice(0, 3).join(', ')}`] : [];
    }),
  );
  if (redaction) return unsealed ? complaints : [...complaints, 'nothing of what was sealed can be read'];
  const unseen = SEEN_IN.filter((places) => kafka || !places.includes('broker')).flatMap((places) =>
    planted.flatMap(({ name, own }, value) =>
      own || places.some((place) => found[place].has(value)) ? [] : [`${name} was not found in ${places.join(' or ')}`],
    ),
  );
  return [...complaints, ...unseen];
}
