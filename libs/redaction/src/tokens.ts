import { looksLikeAwsSecret, looksRandom } from './randomness.ts';
import type { RedactionRule } from './rule.ts';

/**
 * Credentials with a recognisable format. No pattern can fail after an unbounded run of characters and restart within that run, so matching takes
 * linear time for every input.
 */
const SHAPES: Readonly<Record<string, RegExp>> = {
  'aws-access-key': /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/,
  'github-token': /(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{22,})/,
  'gitlab-token': /(?<![A-Za-z0-9])gl(?:pat|dt|rt|cbt|ptt|ft|soat|oas|agent|imt|ffct)-[A-Za-z0-9_.-]{20,}/,
  'slack-token': /(?<![A-Za-z0-9])(?:xox[abceoprsx]|xapp)-[A-Za-z0-9.%-]{10,}/,
  'slack-webhook': /(?<=\/\/hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/)[A-Za-z0-9/_-]{20,}/,
  'stripe-key': /(?<![A-Za-z0-9])(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{24,})/,
  'anthropic-key': /(?<![A-Za-z0-9])sk-ant-[A-Za-z0-9_-]{20,}/,
  'google-key': /(?<![A-Za-z0-9])(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,64})/,
  'npm-token': /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}/,
  'pypi-token': /(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{50,}/,
  'sendgrid-key': /(?<![A-Za-z0-9.])SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}/,
  'twilio-key': /(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])/,
  'recant-key': /(?<![A-Za-z0-9])recant_[a-z0-9]{4,32}_[A-Za-z0-9_-]{43}/,
  jwt: /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}/,
  // A truncated key is matched up to the end of the text.
  'private-key': /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/,
  'age-key': /(?<![A-Za-z0-9])AGE-SECRET-KEY-1[A-Z0-9]{58}/,
  'vendor-token': new RegExp(
    `(?<![A-Za-z0-9])(?:${[
      'hf_[A-Za-z0-9]{30,64}',
      'do[opr]_v1_[0-9a-f]{64}',
      'shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}',
      'dapi[0-9a-f]{32}',
      'dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}',
      'hv[sbr]\\.[A-Za-z0-9_-]{24,}',
      'glsa_[A-Za-z0-9_]{32,64}',
      'lin_api_[A-Za-z0-9]{32,64}',
      'PMAK-[0-9a-f-]{50,64}',
      'NRAK-[A-Z0-9]{27}',
      'rubygems_[0-9a-f]{48}',
      'gsk_[A-Za-z0-9]{40,64}',
      'r8_[A-Za-z0-9]{37}',
      'xai-[A-Za-z0-9]{60,96}',
      'sntry[su]_[A-Za-z0-9+/=_]{40,}',
      'sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}',
      'key-[0-9a-f]{32}',
      '[0-9]{8,10}:AA[A-Za-z0-9_-]{33}',
    ].join('|')})`,
  ),
};

export const TOKEN_RULES: readonly RedactionRule[] = [
  ...Object.entries(SHAPES).map(([name, pattern]): RedactionRule => ({ name, matches: { pattern }, treat: 'mask' })),
  {
    name: 'openai-key',
    matches: {
      pattern: /(?<![A-Za-z0-9])sk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,}/,
      take: (piece) => (looksRandom(piece) ? piece.length : 0),
    },
    treat: 'mask',
  },
  {
    name: 'aws-secret-key',
    matches: {
      pattern: /(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/,
      take: (piece) => (looksLikeAwsSecret(piece) ? piece.length : 0),
    },
    treat: 'mask',
  },
];
