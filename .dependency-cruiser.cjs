/**
 * The layers of ARCHITECTURE.md as rules: imports point only downwards. Each rule has a fixture under test/architecture/fixtures that
 * breaks it; the test fails for a rule without one.
 */
const PROTOCOL = '(events|transparency|redaction|api|connector)';
const DOMAIN = '(ledger|planner|runner|policy|verifier|witness|queues)';
const ADAPTERS = '(store|data-keys|kafka|anchors|connectors|metrics|service|local-postgres|local-kafka)';
const CLIENTS = '(sdk|client|recorders)';
const TESTS = ['\\.test\\.ts$', '(^|/)test/', '/conformance/'];
const FRONT_DOORS = ['^libs/[^/]+/', '^libs/(connectors|recorders)/[^/]+/'].flatMap((lib) => [
  `${lib}src/index\\.ts$`,
  `${lib}src/(schemas|kafka|facts|conformance)/index\\.ts$`,
]);
/** Of services/recant, from the bottom up. */
const RECANT_LAYERS = ['terminal', 'render', 'folder', 'evidence', 'up', 'witness', 'demo', 'cli'];
const npm = (names) => `(^|/)node_modules/${names}/`;

const forbidden = [
  {
    name: 'no-circular',
    comment: 'No import circles, type-only imports included: two modules that need each other are one module.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'no-unresolvable',
    comment: 'Every import resolves, except of the packages that test/orms installs for itself.',
    from: { pathNot: '^test/orms/tools/' },
    to: { couldNotResolve: true, pathNot: '/generated/' },
  },
  {
    name: 'protocol-imports-protocol',
    comment: 'The protocol is the lowest layer.',
    from: { path: `^libs/${PROTOCOL}/`, pathNot: TESTS },
    to: { path: '^(libs|services|deploy|prisma|test)/', pathNot: `^libs/${PROTOCOL}/` },
  },
  {
    name: 'domain-imports-downwards',
    comment: 'The domain imports protocol and domain only; adapters implement its ports.',
    from: { path: `^libs/${DOMAIN}/`, pathNot: TESTS },
    to: { path: '^(libs|services|deploy|prisma|test)/', pathNot: [`^libs/${PROTOCOL}/`, `^libs/${DOMAIN}/`] },
  },
  {
    name: 'adapters-import-downwards',
    comment: 'An adapter imports neither clients nor services.',
    from: { path: `^libs/${ADAPTERS}/`, pathNot: TESTS },
    to: { path: [`^libs/${CLIENTS}/`, '^(services|deploy|test)/'] },
  },
  {
    name: 'clients-stay-small',
    comment: 'Packages that agents embed import the protocol and other clients only.',
    from: { path: `^libs/${CLIENTS}/`, pathNot: TESTS },
    to: { path: '^(libs|services|deploy|prisma|test)/', pathNot: [`^libs/${PROTOCOL}/`, `^libs/${CLIENTS}/`] },
  },
  {
    name: 'redaction-imports-events',
    comment: 'Agents and services apply the same redaction rules, so redaction imports events only.',
    from: { path: '^libs/redaction/', pathNot: TESTS },
    to: { path: '^(libs|services|deploy|prisma|test)/', pathNot: ['^libs/redaction/', '^libs/events/'] },
  },
  {
    name: 'no-lib-imports-service',
    comment: 'A folder with main.ts is a service; imported code belongs in a lib.',
    from: { path: '^libs/', pathNot: TESTS },
    to: { path: '^services/' },
  },
  {
    name: 'no-service-imports-service',
    comment: 'Services communicate over HTTP and Kafka; only services/recant composes them.',
    from: { path: '^services/([^/]+)/', pathNot: ['^services/recant/', ...TESTS] },
    to: { path: '^services/', pathNot: '^services/$1/' },
  },
  {
    name: 'recant-composes-through-wire',
    comment: 'The all-in-one imports only wire.ts of another service.',
    from: { path: '^services/recant/', pathNot: TESTS },
    to: { path: '^services/', pathNot: ['^services/recant/', '^services/[^/]+/src/wire\\.ts$'] },
  },
  ...RECANT_LAYERS.slice(0, -1).map((layer, at) => ({
    name: `recant-${layer}-imports-down`,
    comment: `Layers of services/recant, from the bottom up: ${RECANT_LAYERS.join(', ')}.`,
    from: { path: `^services/recant/src/${layer}/` },
    to: { path: `^services/recant/src/(main\\.ts$|(${RECANT_LAYERS.slice(at + 1).join('|')})/)` },
  })),
  {
    name: 'one-front-door',
    comment: 'Other packages import a lib through the exports of its package.json.',
    from: { path: '^libs/(connectors/[^/]+|recorders/[^/]+|[^/]+)/', pathNot: TESTS },
    to: { path: '^libs/', pathNot: ['^libs/$1/', ...FRONT_DOORS] },
  },
  {
    name: 'services-use-the-front-door',
    comment: 'Other packages import a lib through the exports of its package.json.',
    from: { path: '^(services|deploy)/', pathNot: TESTS },
    to: { path: '^libs/', pathNot: FRONT_DOORS },
  },
  {
    name: 'no-source-imports-tests',
    comment: 'Sources do not import tests.',
    from: { path: '^(libs|services|deploy)/', pathNot: TESTS },
    to: { path: ['^test/', '\\.test\\.ts$', '^(libs|services|deploy)/.*/test/'] },
  },
  {
    name: 'pure-does-no-io',
    comment: 'Protocol and domain do no I/O: of Node they import crypto and buffer only.',
    from: { path: [`^libs/${PROTOCOL}/`, `^libs/${DOMAIN}/`], pathNot: TESTS },
    to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer)$' },
  },
  {
    name: 'pure-imports-little',
    comment: 'Protocol and domain import schemas, a calendar and hashes from npm, no driver and no framework.',
    from: { path: [`^libs/${PROTOCOL}/`, `^libs/${DOMAIN}/`], pathNot: TESTS },
    to: { path: '(^|/)node_modules/', pathNot: npm('(zod|zod-openapi|luxon|@noble|@types)') },
  },
  {
    name: 'embedded-imports-little',
    comment: 'Packages that agents embed have no heavy dependency: schemas are a separate entry, Kafka and OpenTelemetry optional peers.',
    from: {
      path: ['^libs/sdk/', '^libs/connector/', '^libs/events/', '^libs/redaction/'],
      pathNot: ['^libs/sdk/src/kafka/', '^libs/events/src/schemas/', ...TESTS],
    },
    to: { path: '(^|/)node_modules/', pathNot: npm('(@opentelemetry/api|@types)') },
  },
  {
    name: 'only-store-sees-prisma',
    comment: 'Only the store reads and writes rows of the database.',
    from: { pathNot: ['^libs/store/', '^prisma/'] },
    to: { path: [npm('(@prisma|prisma|\\.prisma)'), '^libs/store/src/generated/'] },
  },
  {
    name: 'only-kafka-sees-kafkajs',
    comment: 'Only one lib, the SDK’s optional transport and the local broker use the Kafka client.',
    from: { pathNot: ['^libs/kafka/', '^libs/sdk/src/kafka/', '^libs/local-kafka/', ...TESTS] },
    to: { path: npm('kafkajs') },
  },
  {
    name: 'only-services-see-express',
    comment: 'libs/service makes HTTP servers.',
    from: { path: '^(libs|deploy)/', pathNot: ['^libs/service/', ...TESTS] },
    to: { path: npm('express') },
  },
].map((rule) => ({ severity: 'error', ...rule }));

module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: ['node_modules', '/generated/'] },
    exclude: { path: ['^test/architecture/fixtures/', '/dist/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
