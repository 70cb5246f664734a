import { parentPort } from 'node:worker_threads';
import { type BatchResult, createEventCheck, type Findings } from '@recant/verifier/facts';
import type { Answer, Question } from './event-thread.ts';
import { scratchFile } from './scratch-file.ts';

const check = createEventCheck(scratchFile());

/** What runs on the other thread. Questions are answered in order: the check does one thing after the other. */
parentPort?.on('message', async (question: Question) => {
  const said: Promise<BatchResult | Findings> = 'check' in question ? check.checkBatch(question.check) : check.finish(question.finish);
  const answer: Answer = await said.then(
    (value) => ({ said: value }),
    (cause: Error) => ({ failed: cause }),
  );
  parentPort?.postMessage(answer, 'said' in answer && 'bytes' in answer.said ? [answer.said.bytes.buffer] : []);
});
