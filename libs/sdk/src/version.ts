/** As in package.json, which a test compares: an import of it would need a bundler's or a flag's help. */
export const SDK_VERSION = '0.1.0';
