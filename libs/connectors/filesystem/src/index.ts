export type { Directory } from './directory.ts';
export { createFilesystemConnector, filesystemConnector } from './filesystem-connector.ts';
export { type FilesystemSystem, filesystemSystem } from './filesystem-system.ts';
export type { StoreOptions } from './store.ts';
