import { filesystemSystem } from '../src/index.ts';

/** Appends to one file many times, as one of several processes. */
const [root = '', action = '', times = '0'] = process.argv.slice(2);
const system = filesystemSystem({ name: 'notes', root });
const capture = await system.capture({ source: 'recant://counting/1', action, attempt: 1 }, []);
for (let at = 0; at < Number(times); at += 1) await capture.handle.append('counted', 'x');
