/**
 * V8's settings for every service, as its image has them too. By default its young space grows to some
 * 110 MB and stays; half of that costs nothing that could be measured.
 */
export const NODE_OPTIONS = '--max-semi-space-size=16';
