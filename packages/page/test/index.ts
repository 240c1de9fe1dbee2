export { findChromium, launchBrowser } from './browser.ts';
export { type FirstPaint, measureFirstPaint } from './first-paint.ts';
