/** Equals the version in package.json (tested). Importing package.json would need a bundler or a flag. */
export const SDK_VERSION = '0.1.0';
