/** Bytes of one file whose content is stored as an image; read into memory at once. */
export const FILE_BYTES_MAX = 33_554_432;
/** Files, folders and links in one declared folder, or in one folder that is moved or removed. */
export const TREE_ENTRIES_MAX = 10_000;
/** Bytes of one name (Linux NAME_MAX, as on most others). */
export const NAME_BYTES_MAX = 255;
/** Folders between the root and an item. */
export const PATH_DEPTH_MAX = 128;
/** Milliseconds to wait for the store's lock. An operation takes milliseconds, a step up to seconds. */
export const LOCK_WAIT_MS = 30_000;
/** Children of a listed folder that are recorded as read; recorded reads are a lower bound. */
export const LIST_READS_MAX = 1_000;
