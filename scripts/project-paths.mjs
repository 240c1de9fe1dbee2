import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository's top folder, with a slash at its end. */
export const root = fileURLToPath(new URL('../', import.meta.url));

/** The path of a file of the repository, whatever folder the command was typed in. */
export const inRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The JavaScript file behind an installed package's command, so that any Node can run it. */
export function binOf(packageName) {
  const folder = `node_modules/${packageName}`;
  const { bin } = JSON.parse(readFileSync(inRoot(`${folder}/package.json`), 'utf8'));
  const command = packageName.split('/').at(-1);
  const file = typeof bin === 'string' ? bin : (bin[command] ?? Object.values(bin)[0]);
  return inRoot(`${folder}/${file}`);
}
