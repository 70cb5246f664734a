import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';

/** The imports and exports of one TypeScript file. */
interface ModuleSummary {
  /** Names declared and exported here. */
  readonly declared: ReadonlySet<string>;
  /** Declared names that this file uses itself. */
  readonly usedInside: ReadonlySet<string>;
  /** Declared names that are types or interfaces. */
  readonly types: ReadonlySet<string>;
  readonly forwarded: readonly Import[];
  readonly imported: readonly Import[];
}

/** An import or a re-export. */
interface Import {
  readonly specifier: string;
  /** `*` for a namespace or dynamic import and for `export *`: every name. */
  readonly name: string;
  /** The local name. */
  readonly as: string;
}

export interface Sources {
  /** TypeScript sources by path. */
  readonly files: ReadonlyMap<string, string>;
  /** TypeScript blocks of documentation pages; they count as users. */
  readonly examples: readonly string[];
  /** File by import specifier, for each entry of each package's `exports`. */
  readonly entries: ReadonlyMap<string, string>;
  /** Entry files of published packages, whose users are outside the repository. */
  readonly publicEntries: ReadonlySet<string>;
}

/** Campaigns and benchmarks are programs, so they count as users; other files under test/ do not. */
const PROGRAMS = /^test\/(bench|corpus|histories|model|secrets|tamper)\//;
const isTest = (file: string): boolean => /\.test\.ts$/.test(file) || (/(^|\/)test\//.test(file) && !PROGRAMS.test(file));
const isProduct = (file: string): boolean => /^(libs|services|deploy|prisma)\//.test(file) && !isTest(file);

/**
 * Exports of product files that only tests import, as `file: name`: a value that an index.ts re-exports for tests only, and a declaration that
 * no product file uses, not even its own. A re-exported type is exempt: it describes the signature of a value.
 */
export function exportsOnlyTestsUse(sources: Sources): string[] {
  const modules = new Map([...sources.files].map(([file, text]) => [file, summarize(text)]));
  const uses = new Uses(sources, modules);
  for (const [file, { imported }] of modules) {
    for (const { specifier, name } of imported) uses.add(file, specifier, name, isTest(file) ? 'tests' : 'product');
  }
  for (const text of sources.examples) {
    for (const { specifier, name } of summarize(text).imported) uses.add('', specifier, name, 'product');
  }
  for (const entry of sources.publicEntries) uses.add('', `./${entry}`, '*', 'product');
  const types = new Set([...modules.values()].flatMap((module) => [...module.types]));
  return [...modules].flatMap(([file, { declared, usedInside, forwarded }]) => {
    if (!isProduct(file)) return [];
    const declarations = [...declared].filter((name) => !usedInside.has(name));
    const values = forwarded.map(({ as }) => as).filter((name) => !types.has(name));
    return [...declarations, ...values].map((name) => `${file}: ${name}`).filter((key) => uses.tests.has(key) && !uses.product.has(key));
  });
}

/** Uses as `file: name`, followed through re-exports. */
class Uses {
  readonly product = new Set<string>();
  readonly tests = new Set<string>();
  readonly #sources: Sources;
  readonly #modules: ReadonlyMap<string, ModuleSummary>;

  constructor(sources: Sources, modules: ReadonlyMap<string, ModuleSummary>) {
    this.#sources = sources;
    this.#modules = modules;
  }

  add(from: string, specifier: string, name: string, by: 'product' | 'tests'): void {
    const target = this.#resolve(from, specifier);
    const module = this.#modules.get(target);
    if (!module) return;
    for (const each of name === '*' ? this.#namesOf(target) : [name]) {
      const key = `${target}: ${each}`;
      if (this[by].has(key)) continue;
      this[by].add(key);
      for (const { specifier: next, name: original, as } of module.forwarded) {
        if (as === each || as === '*') this.add(target, next, original === '*' ? each : original, by);
      }
    }
  }

  #namesOf(file: string): string[] {
    const { declared, forwarded } = this.#modules.get(file) ?? { declared: [], forwarded: [] };
    return [...declared].concat(
      forwarded.flatMap(({ specifier, as }) => (as === '*' ? this.#namesOf(this.#resolve(file, specifier)) : [as])),
    );
  }

  #resolve(from: string, specifier: string): string {
    return specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : (this.#sources.entries.get(specifier) ?? specifier);
  }
}

function summarize(text: string): ModuleSummary {
  const source = ts.createSourceFile('module.ts', text, ts.ScriptTarget.Latest, true);
  const declared = new Set<string>();
  const types = new Set<string>();
  const forwarded: Import[] = [];
  const imported = dynamicImports(source);
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) imported.push(...importsOf(statement));
    else if (ts.isExportDeclaration(statement)) forwarded.push(...forwardsOf(statement));
    else if (ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) {
      for (const name of namesOf(statement)) {
        declared.add(name);
        if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) types.add(name);
      }
    }
  }
  const occurrences = new Map<string, number>();
  visit(source, (node) => {
    if (ts.isIdentifier(node)) occurrences.set(node.text, (occurrences.get(node.text) ?? 0) + 1);
  });
  const usedInside = new Set([...declared].filter((name) => (occurrences.get(name) ?? 0) > 1));
  return { declared, usedInside, types, forwarded, imported };
}

function visit(node: ts.Node, use: (node: ts.Node) => void): void {
  use(node);
  ts.forEachChild(node, (child) => visit(child, use));
}

/** `import('x')` as expression and as type. */
function dynamicImports(source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  visit(source, (node) => {
    const isCall = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const argument = isCall
      ? node.arguments[0]
      : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
        ? node.argument.literal
        : undefined;
    if (argument && ts.isStringLiteral(argument)) found.push({ specifier: argument.text, name: '*', as: '*' });
  });
  return found;
}

function importsOf({ importClause, moduleSpecifier }: ts.ImportDeclaration): Import[] {
  const specifier = (moduleSpecifier as ts.StringLiteral).text;
  const bindings = importClause?.namedBindings;
  if (!bindings) return [];
  if (ts.isNamespaceImport(bindings)) return [{ specifier, name: '*', as: '*' }];
  return bindings.elements.map(({ propertyName, name }) => ({ specifier, name: (propertyName ?? name).text, as: name.text }));
}

function forwardsOf({ exportClause, moduleSpecifier }: ts.ExportDeclaration): Import[] {
  if (!moduleSpecifier) return [];
  const specifier = (moduleSpecifier as ts.StringLiteral).text;
  if (!exportClause) return [{ specifier, name: '*', as: '*' }];
  if (ts.isNamespaceExport(exportClause)) return [{ specifier, name: '*', as: exportClause.name.text }];
  return exportClause.elements.map(({ propertyName, name }) => ({ specifier, name: (propertyName ?? name).text, as: name.text }));
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.DeclarationStatement;
  return name ? [name.getText()] : [];
}
