import { recover } from './recover.ts';
import { createStore, type Store, type StoreOptions } from './store/store.ts';

/** The store of one system, with recovery: what both capture and undo work on. */
export function openStore(options: StoreOptions): Store {
  return createStore(options, recover);
}
