import type { ErasedImages } from '@recant/connector';
import type { ClientBase } from 'pg';

interface Answer {
  readonly changes: number;
  /** Tables that name the subject. */
  readonly tables: number;
  /** Changes that are not in the ledger yet. */
  readonly undrained: number;
  readonly waiting: readonly string[];
  readonly unassigned: readonly { readonly table: string; readonly rows: number; readonly problem: string | null }[];
  /** Any image is left that could be of the subject. */
  readonly images: boolean;
}

/** Blanks the captured images of a subject's rows. `recant.erase_subject` decides; this words what it could not reach. */
export async function eraseSubject(client: ClientBase, subject: string, waiting?: readonly string[]): Promise<ErasedImages> {
  const { rows } = await client.query<{ answer: Answer }>('SELECT recant.erase_subject($1, $2::text[]) AS answer', [
    subject,
    waiting ?? null,
  ]);
  const answer = rows[0]?.answer;
  if (answer === undefined) throw new Error('expected an answer of recant.erase_subject');
  return { changes: answer.changes, waiting: answer.waiting, remains: remainsOf(answer) };
}

function remainsOf({ tables, undrained, waiting, unassigned, images }: Answer): string[] {
  return [
    ...(tables === 0 && images
      ? ['No table is assigned to this subject: connect again with --subject TABLE=PATTERN, or let the images expire (--images-days).']
      : []),
    ...(undrained > 0 ? [`${undrained} changes are not recorded in the ledger yet.`] : []),
    ...(waiting.length > 0 ? [`${waiting.length} transactions that wrote when the erasure began have not ended.`] : []),
    ...unassigned.map(
      ({ table, rows, problem }) =>
        `${table}: images of ${rows} rows cannot be assigned to anybody${problem === null ? ', because the rows are gone' : ` (${problem})`}; let them expire (--images-days).`,
    ),
  ];
}
