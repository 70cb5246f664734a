/** Repository rules that no compiler checks: each reads one file and returns what is wrong with it. */
import ts from 'typescript';

export interface TidyRule {
  name: string;
  why: string;
  applies(file: string): boolean;
  /** One text per violation. */
  check(file: string, text: string): string[];
  /** A file that breaks the rule: proof that the rule can fail. */
  broken: { file: string; text: string };
}

const LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const isTypeScript = (file: string): boolean => /\.ts$/.test(file);
const isTest = (file: string): boolean => /\.test\.ts$|(^|\/)test\//.test(file);
const isSource = (file: string): boolean => isTypeScript(file) && !isTest(file);
const isPure = (file: string): boolean =>
  /^libs\/(events|transparency|redaction|api|connector|ledger|planner|queues|runner|policy|verifier|witness)\/src\//.test(file) &&
  isSource(file);

/** Matching lines with their line numbers. */
function linesWith(pattern: RegExp, text: string): string[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`line ${index + 1}: ${line.trim().slice(0, 120)}`] : []));
}

/** Functions, methods and accessors over the limit, counted from their first line to their last. */
function longFunctions(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const complaints: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const lines = source.getLineAndCharacterOfPosition(node.end).line - first + 1;
      if (lines > FUNCTION_LINES_MAX) complaints.push(`line ${first + 1}: function of ${lines} lines`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return complaints;
}

const LAYOUT_RULES: TidyRule[] = [
  {
    name: 'short-files',
    why: 'Split a file over 400 lines by operation.',
    applies: (file) => /\.(ts|js|cjs|mjs|sql)$/.test(file) && file !== 'prisma/schema.sql',
    check: (_, text) => {
      const lines = text.split('\n').length - 1;
      return lines > LINES_MAX ? [`${lines} lines`] : [];
    },
    broken: { file: 'libs/store/src/long.ts', text: '\n'.repeat(LINES_MAX + 1) },
  },
  {
    name: 'short-functions',
    why: 'A function over 70 lines does more than one thing.',
    applies: isSource,
    check: longFunctions,
    broken: { file: 'libs/store/src/long.ts', text: `const run = () => {\n${'go();\n'.repeat(FUNCTION_LINES_MAX)}};` },
  },
  {
    name: 'named-for-what-it-does',
    why: 'A name states the purpose of a file; utils and common state none.',
    applies: () => true,
    check: (file) => {
      const vague = file.split('/').find((part) => /^(utils?|helpers?|common|shared|managers?|misc)(\.|$)|-manager\b/.test(part));
      return vague ? [vague] : [];
    },
    broken: { file: 'libs/store/src/utils.ts', text: '' },
  },
  {
    name: 'kebab-case',
    why: 'One spelling for file names.',
    applies: (file) => isTypeScript(file),
    check: (file) => (/^[a-z0-9.]+(-[a-z0-9.]+)*$/.test(file.split('/').at(-1) ?? '') ? [] : [file]),
    broken: { file: 'libs/store/src/FooBar.ts', text: '' },
  },
  {
    name: 'short-main',
    why: 'main.ts parses the configuration, builds, runs and stops.',
    applies: (file) => /^services\/[^/]+\/src\/main\.ts$/.test(file),
    check: (_, text) => (text.split('\n').length > 40 ? [`${text.split('\n').length} lines`] : []),
    broken: { file: 'services/ledger/src/main.ts', text: '\n'.repeat(40) },
  },
];

const SOURCE_RULES: TidyRule[] = [
  {
    name: 'no-clock-or-randomness-in-pure-libs',
    why: 'Protocol and domain take time, randomness and environment as arguments.',
    applies: isPure,
    check: (_, text) =>
      linesWith(
        /Date\.now|new Date\(\s*\)|Math\.random|process\.(env|hrtime|cwd)|\brandom(Bytes|UUID|Int|FillSync)\b|getRandomValues|performance\.now|DateTime\.(now|utc\(\s*\)|local\(\s*\))|\bset(Timeout|Interval|Immediate)\b/,
        text,
      ),
    broken: { file: 'libs/ledger/src/clock.ts', text: 'export const now = () => Date.now();' },
  },
  {
    name: 'no-environment-in-libs',
    why: 'main.ts parses the configuration once and passes it to libs.',
    applies: (file) => /^libs\/(store|kafka|anchors|sdk|client|connectors|service)\//.test(file) && isSource(file),
    check: (_, text) => linesWith(/process\.env/, text),
    broken: { file: 'libs/store/src/pool.ts', text: 'const url = process.env.DATABASE_URL;' },
  },
  {
    name: 'secrets-in-constant-time',
    why: 'Comparing secrets with === leaks the length of the matching prefix; use timingSafeEqual.',
    applies: (file) => /^(libs|services)\//.test(file) && isSource(file),
    check: (_, text) =>
      linesWith(
        /\b(\w*(mac|secretHash|passwordHash|derived|signature)|secret|password)\s*[!=]==\s*(\w+\.)*(mac|right|given|expected|secret|secretHash|password|known)\b/i,
        text,
      ),
    broken: { file: 'libs/service/src/compare.ts', text: 'if (mac === expected) return credential;' },
  },
  {
    name: 'no-machine-paths',
    why: 'A checkout works in any folder.',
    applies: (file) => !file.endsWith('package-lock.json') && file !== 'test/architecture/tidy.ts',
    check: (_, text) => linesWith(/(^|[\s'"`(=])\/(home|root|Users|work|tmp)\/[\w.-]/, text),
    broken: { file: 'README.md', text: 'see /work/main/README.md' },
  },
  {
    name: 'no-sleep-in-tests',
    why: 'A sleep is too long on a fast machine and too short on a slow one; wait for a condition.',
    applies: (file) =>
      isTypeScript(file) && isTest(file) && !/^test\/(corpus|bench)\/|^test\/(support\/src\/wait-until|architecture\/tidy)\.ts$/.test(file),
    check: (_, text) =>
      linesWith(/await (new Promise\S* ?\(.*setTimeout|(delay|sleep|setTimeout)\()|setTimeout\(\s*(resolve|done|r)\b/, text),
    broken: { file: 'libs/store/src/a.test.ts', text: 'await new Promise((done) => setTimeout(done, 100));' },
  },
  {
    name: 'no-skipped-tests',
    why: 'A skipped test proves nothing.',
    applies: (file) => file.endsWith('.test.ts') && file !== 'test/architecture/tidy.test.ts',
    check: (_, text) => linesWith(/\b(test|it|describe)(\.\w+)*\.(skip|only|todo|fails)\b|\.(skipIf|runIf)\(/, text),
    broken: { file: 'libs/store/src/a.test.ts', text: "test.skip('later', () => {});" },
  },
  {
    name: 'no-fixed-ports',
    why: 'Two checkouts can run their tests on one machine at the same time.',
    applies: (file) => file.endsWith('.test.ts'),
    check: (_, text) => linesWith(/\.listen\(\s*[1-9]\d*|(localhost|127\.0\.0\.1):(5432|9092|3000|8080)\b/, text),
    broken: { file: 'libs/store/src/a.test.ts', text: 'server.listen(8080);' },
  },
];

const PACKAGE_RULES: TidyRule[] = [
  {
    name: 'one-sentence-description',
    why: 'A package description is one sentence without a full stop.',
    applies: (file) => /^(libs|services|deploy|test)\/.*package\.json$/.test(file),
    check: (_, text) => {
      const { description = '' } = JSON.parse(text) as { description?: string };
      return description.length < 10 || /[.!]\s|\.$/.test(description) ? [`description: "${description}"`] : [];
    },
    broken: { file: 'libs/store/package.json', text: '{"description":"Stores. And more."}' },
  },
  {
    name: 'no-registry-in-lock',
    why: 'Each machine configures its own registry.',
    applies: (file) => file.endsWith('package-lock.json'),
    check: (_, text) => linesWith(/"resolved": "https?:/, text),
    broken: { file: 'package-lock.json', text: '"resolved": "https://registry.example/x.tgz"' },
  },
  {
    name: 'exact-versions',
    why: 'The same commit installs the same code.',
    applies: (file) => file.endsWith('package.json') && !file.startsWith('test/architecture/'),
    check: (_, text) => {
      const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
      const pinned = { ...manifest.dependencies, ...manifest.devDependencies };
      return Object.entries(pinned).flatMap(([name, version]) => (/^(?:npm:[^@]+@)?\d/.test(version) ? [] : [`${name} ${version}`]));
    },
    broken: { file: 'package.json', text: '{"dependencies":{"pg":"^8.0.0"}}' },
  },
];

export const TIDY_RULES: TidyRule[] = [...LAYOUT_RULES, ...SOURCE_RULES, ...PACKAGE_RULES];

/** Names of the packages that a source imports; Node built-ins, relative and `#` imports are left out. */
export function importedPackages(text: string): string[] {
  const specifiers = [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g),
  ];
  return specifiers
    .map(([, a, b, c]) => a ?? b ?? c ?? '')
    .filter((name) => !/^(\.|#|node:)/.test(name))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}
