#!/usr/bin/env node
// Plain JavaScript: starts on any installed Node version, finds one that can run the program, and hands over to it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as modules from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const NODE_MAJOR_MIN = 24;
// Node 24's Maglev compiler crashes the process at random on busy machines (nodejs/node#64841).
const NO_MAGLEV = '--no-maglev';
const here = dirname(fileURLToPath(import.meta.url));
const program = join(here, '..', 'src', 'main.ts');

/** Folder of the npm package `node`; undefined if it is not installed. */
function nodePackage() {
  try {
    return dirname(modules.createRequire(import.meta.url).resolve('node/package.json'));
  } catch (_error) {
    return undefined;
  }
}

const installed = nodePackage();
// Compiled code of earlier starts, which halves the time of a command. It is beside the packages, so that only who installs them can write it.
const codeCache = installed && join(installed, '..', '.cache', 'recant');

/** Its binary; undefined if it is not installed. */
function bundledNode() {
  if (!installed) return undefined;
  const binary = join(installed, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(binary) ? binary : undefined;
}

/** Runs the program under `binary`: same terminal, signals and exit code. A closed IPC channel tells the program that this process was killed. */
function handOver(binary) {
  const child = spawn(binary, [NO_MAGLEV, program].concat(process.argv.slice(2)), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: Object.assign({ NODE_COMPILE_CACHE: codeCache }, process.env),
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  signals.forEach((signal) => {
    process.on(signal, () => {
      // A terminal sends SIGINT to the whole process group: the child has it already.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  });
  child.on('error', (error) => {
    process.stderr.write(`recant: cannot start ${binary}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code);
    signals.forEach((name) => {
      process.removeAllListeners(name);
    });
    process.kill(process.pid, signal);
  });
}

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
  setFlagsFromString(NO_MAGLEV);
  if (codeCache && !process.env.NODE_COMPILE_CACHE) modules.enableCompileCache(codeCache);
  import('../src/main.ts').catch((error) => {
    process.stderr.write(`recant: ${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  });
} else {
  const binary = bundledNode();
  if (binary) {
    handOver(binary);
  } else {
    process.stderr.write(
      `recant: needs Node ${NODE_MAJOR_MIN} or later, got ${process.versions.node}. Run \`npm ci\` in the workspace (it includes Node ${NODE_MAJOR_MIN}), or install Node ${NODE_MAJOR_MIN}.\n`,
    );
    process.exit(1);
  }
}
