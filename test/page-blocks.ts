import { readFileSync } from 'node:fs';

/** A block of code of a page. */
export interface Block {
  /** Such as `sh`. */
  readonly language: string;
  readonly text: string;
  /** Of the section that it stands in. */
  readonly heading: string;
  /** Why it cannot be run here, as a comment above it says: `<!-- not run: it needs a cluster -->`. */
  readonly reasonNotToRun: string | undefined;
}

const BLOCK = /(?:<!-- not run: (.+) -->\n)?```(\w+)\n([\s\S]*?)\n```/g;

/** The blocks of a page of `docs` that name their language, in its order. */
export function readBlocks(page: string): Block[] {
  const text = readFileSync(new URL(`../docs/${page}`, import.meta.url), 'utf8');
  return text.split(/^##+ /m).flatMap((section) => {
    const [heading = ''] = section.split('\n');
    return [...section.matchAll(BLOCK)].map(([, reasonNotToRun, language = '', code = '']) => ({
      ...{ language, heading, reasonNotToRun },
      text: code,
    }));
  });
}

/** The commands of a block of `sh`, each as it would be typed. */
export function toCommands({ text }: Block): string[] {
  return text.split(/(?<!\\)\n/);
}
