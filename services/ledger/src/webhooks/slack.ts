import type { Shown } from './shown.ts';

/** Characters of one text; Slack cuts a message at 40,000. */
const CHARACTERS_MAX = 3_000;

/**
 * A message in Slack's format, which Mattermost and others read, too. Recorded text stands in code spans, where neither links, `@channel` nor formatting have a meaning;
 * `<!channel>` and the like lose theirs because `&`, `<` and `>` are escaped.
 */
export function slackText({ type, title, tenant, subject, detail, action, startedAt, endedAt }: Shown): string {
  const times = endedAt === undefined ? startedAt : `${startedAt} to ${endedAt}`;
  return [
    `${type === 'alarm.ended' ? ':white_check_mark: *Ended:*' : ':rotating_light:'} *${title}*`,
    ...(subject === undefined ? [] : [`Where: ${code(subject)}`]),
    ...(tenant === undefined ? [] : [`Tenant: ${code(tenant)}, ${times}`]),
    `What: ${code(detail)}`,
    ...(type === 'alarm.ended' ? [] : [`Do: ${code(action)}`]),
  ].join('\n');
}

function code(text: string): string {
  const cut = text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX).toWellFormed()}…` : text;
  const escaped = cut.replaceAll('`', "'").replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `\`${escaped.trim() === '' ? '-' : escaped}\``;
}
