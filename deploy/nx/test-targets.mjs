import { dirname } from 'node:path';

/**
 * Gives every package, and every folder of tests that cross packages, a `test` target: its own files, run by the one vitest
 * configuration of the workspace.
 */
export const createNodesV2 = [
  '{libs,services,deploy,test}/**/{package.json,*.test.ts}',
  (files) => {
    const packages = files.filter((file) => file.endsWith('/package.json') && !file.includes('node_modules/')).map((file) => dirname(file));
    const crossing = files
      .flatMap((file) => /^test\/[^/]+(?=\/.*\.test\.ts$)/.exec(file) ?? [])
      .filter((folder) => !packages.includes(folder));
    const project = (root, more) => [root, { projects: { [root]: { root, targets: { test: testTarget(root) }, ...more } } }];
    return [
      ...packages.map((root) => project(root, {})),
      ...[...new Set(crossing)].map((root) => project(root, { name: root.replace('/', '-'), implicitDependencies: ['@recant/*'] })),
    ];
  },
];

function testTarget(root) {
  return {
    executor: 'nx:run-commands',
    options: { command: `vitest run --passWithNoTests ${root}/`, cwd: '{workspaceRoot}' },
    cache: true,
    inputs: ['default', '^default'],
  };
}
