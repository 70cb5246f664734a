import pg from 'pg-oldest';
import { openWith } from './pg.mjs';

/** A driver without `getTransactionStatus`. */
export const open = async ({ record, url }) => openWith(pg, record, url);
