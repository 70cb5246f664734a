/** Bytes of one file whose content is kept as an image. It is read whole into memory. */
export const FILE_BYTES_MAX = 33_554_432;
/** Files, folders and links in one declared folder, or in one folder that is moved or removed. */
export const TREE_ENTRIES_MAX = 10_000;
/** Bytes of one name (Linux NAME_MAX, as on most others). */
export const NAME_BYTES_MAX = 255;
/** Folders between the root and an item. */
export const PATH_DEPTH_MAX = 128;
/** Milliseconds to wait for the store's lock. One operation holds it for some milliseconds, one step for some seconds. */
export const LOCK_WAIT_MS = 30_000;
/** Children of a listed folder that are recorded as read: what is read is a lower bound. */
export const LIST_READS_MAX = 1_000;
