import { matchesGlob } from 'node:path';

/** What the Dockerfile's last stage makes of a finished build, in its own words. */
export interface ImageSpec {
  readonly baseImage: string;
  /** Of the build stage, run by a shell in `buildFolder`, which holds the build context. */
  readonly buildCommand: string;
  readonly buildFolder: string;
  /** The folder of the build stage whose content becomes `workFolder`. */
  readonly copied: string;
  readonly workFolder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

type Instruction = readonly [name: string, argument: string];

/**
 * Reads the little Dockerfile that this repository needs, for one value of its build argument.
 * @throws Error for anything that it would not know how to carry out.
 */
export function readDockerfile(text: string, service: string): ImageSpec {
  const [preamble = [], build = [], final = [], ...more] = toStages(text);
  if (more.length > 0) throw new Error('there are more stages than build and final');
  const args = { SERVICE: service, ...Object.fromEntries(all(preamble, 'ARG').map(toPair)) };
  const expand = (value: string) =>
    value.replace(/\$\{(\w+)\}/g, (_, name: 'SERVICE') => args[name]);

  expectOnly(build, ['FROM', 'ARG', 'WORKDIR', 'COPY', 'RUN']);
  expectOnly(final, [
    ...['FROM', 'ARG', 'ENV', 'WORKDIR', 'COPY', 'USER', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD'],
  ]);
  if (one(build, 'COPY') !== '. .') throw new Error('the build stage copies a part only');
  if (one(final, 'ENTRYPOINT') !== '[]') throw new Error('the base image decides what runs');
  const copy = /^--from=build (\S+) \.\/$/.exec(one(final, 'COPY'));
  const user = /^(\d+):(\d+)$/.exec(one(final, 'USER'));
  const healthcheck = /^(?:--\S+ )*CMD (\[.*\])$/.exec(one(final, 'HEALTHCHECK'));
  if (!copy?.[1] || !user || !healthcheck?.[1]) throw new Error('the last stage is written anew');
  return {
    baseImage: expand(one(final, 'FROM')),
    buildCommand: expand(one(build, 'RUN')),
    buildFolder: one(build, 'WORKDIR'),
    copied: expand(copy[1]),
    workFolder: one(final, 'WORKDIR'),
    env: Object.fromEntries(one(final, 'ENV').split(' ').map(toPair)),
    user: { uid: Number(user[1]), gid: Number(user[2]) },
    command: JSON.parse(one(final, 'CMD')),
    healthcheck: JSON.parse(healthcheck[1]),
  };
}

/** Whether `.dockerignore` keeps a file out of the build context. */
export function isIgnored(dockerignore: string, path: string): boolean {
  const patterns = dockerignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return patterns.some(
    (pattern) => matchesGlob(path, pattern) || matchesGlob(path, `${pattern}/**`),
  );
}

/** What comes before the first FROM, then each stage. */
function toStages(text: string): Instruction[][] {
  const stages: Instruction[][] = [[]];
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    const instruction = /^([A-Z]+)\s+(.*)$/.exec(line);
    if (instruction === null) continue;
    const [, name = '', argument = ''] = instruction;
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push([name, argument]);
  }
  return stages;
}

function all(stage: readonly Instruction[], name: string): string[] {
  return stage.filter(([candidate]) => candidate === name).map(([, argument]) => argument);
}

function one(stage: readonly Instruction[], name: string): string {
  const [found, ...more] = all(stage, name);
  if (found === undefined || more.length > 0) throw new Error(`there is not exactly one ${name}`);
  return found;
}

function expectOnly(stage: readonly Instruction[], names: readonly string[]): void {
  const unknown = stage.map(([name]) => name).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`nobody carries out ${unknown.join(', ')} here`);
}

function toPair(assignment: string): [string, string] {
  const [name = '', ...value] = assignment.split('=');
  return [name, value.join('=')];
}
