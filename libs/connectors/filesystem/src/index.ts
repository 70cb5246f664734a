export type { Directory } from './capture/directory.ts';
export { type FilesystemSystem, filesystemSystem } from './capture/filesystem-system.ts';
export type { StoreOptions } from './store/store.ts';
export { filesystemConnector } from './undo/filesystem-connector.ts';
