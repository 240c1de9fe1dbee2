/** Where the built page lies: beside this file in the repository, beside the bundle in an image. */
export const PAGE_FOLDER = new URL('./dist/', import.meta.url);
