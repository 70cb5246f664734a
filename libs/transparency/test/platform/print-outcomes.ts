import { outcomes } from './outcomes.ts';

// What a browser lacks is taken away once everything is loaded: code that leans on it fails here as it would there.
if (process.execArgv.includes('--conditions=browser')) Reflect.deleteProperty(globalThis, 'Buffer');
process.stdout.write(JSON.stringify(await outcomes()));
