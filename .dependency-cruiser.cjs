/**
 * The layers of ARCHITECTURE.md as rules: imports point only downwards. Each rule has a fixture under test/architecture/fixtures that
 * breaks it, and a test that sees it broken; a new rule without one fails that test.
 */
const PROTOCOL = '(events|transparency|redaction|api|connector)';
const DOMAIN = '(ledger|planner|runner|policy|verifier|witness|queues)';
const ADAPTERS = '(store|data-keys|kafka|anchors|connectors|service|local-postgres|local-kafka)';
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
    comment: 'Two modules that need each other at run time are one module, or the wrong two; types alone may name each other.',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'no-unresolvable',
    comment: 'What cannot be found cannot be judged.',
    from: {},
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
    comment: 'The domain knows the protocol and the contract of a connector; adapters come in through its ports.',
    from: { path: `^libs/${DOMAIN}/`, pathNot: TESTS },
    to: { path: '^(libs|services|deploy|prisma|test)/', pathNot: [`^libs/${PROTOCOL}/`, `^libs/${DOMAIN}/`] },
  },
  {
    name: 'adapters-import-downwards',
    comment: 'An adapter knows neither clients nor services.',
    from: { path: `^libs/${ADAPTERS}/`, pathNot: TESTS },
    to: { path: [`^libs/${CLIENTS}/`, '^(services|deploy|test)/'] },
  },
  {
    name: 'clients-stay-small',
    comment: 'What agents embed brings the protocol and the contract of a connector along, nothing else of ours.',
    from: { path: `^libs/${CLIENTS}/`, pathNot: TESTS },
    to: { path: '^(libs|services|deploy|prisma|test)/', pathNot: [`^libs/${PROTOCOL}/`, `^libs/${CLIENTS}/`] },
  },
  {
    name: 'redaction-imports-events',
    comment: 'What may stand in a record is judged without knowing who asks: agents and services bring the same rules along.',
    from: { path: '^libs/redaction/', pathNot: TESTS },
    to: { path: '^(libs|services|deploy|prisma|test)/', pathNot: ['^libs/redaction/', '^libs/events/'] },
  },
  {
    name: 'no-lib-imports-service',
    comment: 'A folder with main.ts is a service; what is imported is a lib.',
    from: { path: '^libs/', pathNot: TESTS },
    to: { path: '^services/' },
  },
  {
    name: 'no-service-imports-service',
    comment: 'Services meet over HTTP and Kafka; only services/recant composes them.',
    from: { path: '^services/([^/]+)/', pathNot: ['^services/recant/', ...TESTS] },
    to: { path: '^services/', pathNot: '^services/$1/' },
  },
  {
    name: 'recant-composes-through-wire',
    comment: 'The all-in-one knows of a service its wire.ts only.',
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
    comment: 'A lib is entered through what its package.json exports.',
    from: { path: '^libs/(connectors/[^/]+|recorders/[^/]+|[^/]+)/', pathNot: TESTS },
    to: { path: '^libs/', pathNot: ['^libs/$1/', ...FRONT_DOORS] },
  },
  {
    name: 'services-use-the-front-door',
    comment: 'A lib is entered through what its package.json exports.',
    from: { path: '^(services|deploy)/', pathNot: TESTS },
    to: { path: '^libs/', pathNot: FRONT_DOORS },
  },
  {
    name: 'no-source-imports-tests',
    comment: 'Tests lean on sources, not the other way.',
    from: { path: '^(libs|services|deploy)/', pathNot: TESTS },
    to: { path: ['^test/', '\\.test\\.ts$', '^(libs|services|deploy)/.*/test/'] },
  },
  {
    name: 'pure-does-no-io',
    comment: 'Protocol and domain do no I/O: of Node they may hash and look at bytes, nothing else.',
    from: { path: [`^libs/${PROTOCOL}/`, `^libs/${DOMAIN}/`], pathNot: TESTS },
    to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer)$' },
  },
  {
    name: 'pure-imports-little',
    comment: 'Protocol and domain need schemas and a calendar from npm, no driver and no framework.',
    from: { path: [`^libs/${PROTOCOL}/`, `^libs/${DOMAIN}/`], pathNot: TESTS },
    to: { path: '(^|/)node_modules/', pathNot: npm('(zod|zod-openapi|luxon|@noble|@types)') },
  },
  {
    name: 'embedded-imports-little',
    comment: 'What agents embed has no heavy dependency: schemas are apart, Kafka and OpenTelemetry are optional peers.',
    from: {
      path: ['^libs/sdk/', '^libs/connector/', '^libs/events/', '^libs/redaction/'],
      pathNot: ['^libs/sdk/src/kafka/', '^libs/events/src/schemas/', ...TESTS],
    },
    to: { path: '(^|/)node_modules/', pathNot: npm('(@opentelemetry/api|@types)') },
  },
  {
    name: 'only-store-sees-prisma',
    comment: 'Rows of the database are the store’s affair.',
    from: { pathNot: ['^libs/store/', '^prisma/'] },
    to: { path: [npm('(@prisma|prisma|\\.prisma)'), '^libs/store/src/generated/'] },
  },
  {
    name: 'only-kafka-sees-kafkajs',
    comment: 'The Kafka client is behind one lib, the SDK’s optional transport and the local broker.',
    from: { pathNot: ['^libs/kafka/', '^libs/sdk/src/kafka/', '^libs/local-kafka/', ...TESTS] },
    to: { path: npm('kafkajs') },
  },
  {
    name: 'only-services-see-express',
    comment: 'HTTP servers are made by the kit.',
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
