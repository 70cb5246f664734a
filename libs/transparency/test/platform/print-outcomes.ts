import { outcomes } from './outcomes.ts';

// Removes globals that browsers lack once everything is loaded, so that code which needs them fails.
if (process.execArgv.includes('--conditions=browser')) Reflect.deleteProperty(globalThis, 'Buffer');
process.stdout.write(JSON.stringify(await outcomes()));
