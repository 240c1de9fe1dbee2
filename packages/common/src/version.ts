import manifest from '../package.json' with { type: 'json' };

/** The release of these services, as SemVer. */
export const VERSION: string = manifest.version;

/** Grows by one with each release that adds routes or fields, so that clients can tell what is there. */
export const API_LEVEL = 1;
