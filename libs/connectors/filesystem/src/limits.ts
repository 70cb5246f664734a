/** Bytes of one file whose content is stored as an image when it is captured. Larger ones are recorded by digest. */
export const FILE_BYTES_MAX = 33_554_432;
/** Bytes of a content that stands in the journal; a larger one is a file of its own. */
export const JOURNALLED_BYTES_MAX = 65_536;
/** Bytes of contents in memory that wait for the record that refers to them. */
export const WAITING_BYTES_MAX = 8_388_608;
/** Files, folders and links in one folder that is moved or removed. */
export const TREE_ENTRIES_MAX = 10_000;
/** Files, folders and links below the declared paths of one attempt. */
export const WATCHED_ENTRIES_MAX = 1_000_000;
/** New or changed files that are read under one lock while paths are declared, so that others can work in between. */
export const WATCHED_SLICE_MAX = 5_000;
/** Items of declared paths without a path of their own (names that are not UTF-8, sockets) that are compared one by one. */
export const WATCHED_UNNAMED_MAX = 1_000;
/** Levels of folders whose names are no paths. */
export const UNNAMED_DEPTH_MAX = 500;
/** Links of declared paths whose targets are watched. */
export const WATCHED_LINKS_MAX = 1_000;
/** Milliseconds after which a declaration without a settlement no longer makes the changes of others ambiguous. */
export const DECLARED_MS_MAX = 86_400_000;
/** A file that changed within these milliseconds before it was read may change again without a new time (2 s on the coarsest file systems). */
export const RACY_MS = 2_000;
/** Names of one file that are named, and entries that are searched for them. */
export const OTHER_NAMES_MAX = 8;
export const OTHER_NAMES_SEARCHED_MAX = 200_000;
/** Bytes of one name (Linux NAME_MAX, as on most others). */
export const NAME_BYTES_MAX = 255;
/** Folders between the root and an item. */
export const PATH_DEPTH_MAX = 128;
/** Folders that one inverse keeps open. Others are opened again for each use. */
export const OPEN_FOLDERS_MAX = 256;
/** Milliseconds to wait for the store's lock. An operation takes milliseconds, a step up to seconds. */
export const LOCK_WAIT_MS = 30_000;
/** Children of a listed folder that are recorded as read; recorded reads are a lower bound. */
export const LIST_READS_MAX = 1_000;
