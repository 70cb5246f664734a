import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './repository.ts';

/** TypeScript blocks of a page that are complete programs, marked ```ts runnable. */
export function runnableSnippets(markdown: string): string[] {
  return [...markdown.matchAll(/^```ts runnable\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
}

/** Compiler errors of the snippets, each compiled as a file of the checkout without being written to disk. */
export function typeErrors(snippets: ReadonlyMap<string, string>): string[] {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(ROOT, 'tsconfig.json'),
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} },
  );
  const options: ts.CompilerOptions = { ...config?.options, noEmit: true };
  const files = new Map([...snippets].map(([name, text]) => [join(ROOT, `${name.replaceAll(/[^\w]/g, '-')}.snippet.ts`), text]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.getSourceFile = (file, version, ...rest) => {
    const text = files.get(file);
    return text === undefined ? getSourceFile(file, version, ...rest) : ts.createSourceFile(file, text, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    const found = source ? [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)] : [];
    return found.map(({ messageText }) => `${file.slice(ROOT.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
}
