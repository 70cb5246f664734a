import { parentPort } from 'node:worker_threads';
import { type BatchResult, createEventCheck, type Findings } from '@recant/verifier/facts';
import type { Answer, Question } from './event-thread.ts';
import { scratchFile } from './scratch-file.ts';

const check = createEventCheck(scratchFile());

/** The second thread. The check handles one question at a time, so answers are in order. */
parentPort?.on('message', async (question: Question) => {
  const result: Promise<BatchResult | Findings> = 'check' in question ? check.checkBatch(question.check) : check.finish(question.finish);
  const answer: Answer = await result.then(
    (value) => ({ result: value }),
    (cause: Error) => ({ failed: cause }),
  );
  parentPort?.postMessage(answer, 'result' in answer && 'bytes' in answer.result ? [answer.result.bytes.buffer] : []);
});
