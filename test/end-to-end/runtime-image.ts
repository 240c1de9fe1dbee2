import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Image } from '@trainer/testbed';

const RUNTIME = fileURLToPath(new URL('../../runtime', import.meta.url));

/**
 * What stands for the image of runtime/Dockerfile: the environment that runtime/install made, of
 * which `python` is, and this work tree's package. What an operator would set for nodes without GPUs
 * is set here, too.
 */
export function createRuntimeImage(python: string): Image {
  const { content, traversable } = toEnvironmentContent(dirname(dirname(python)), '/opt/trainer');
  return {
    content: { ...content, '/opt/runtime': RUNTIME },
    traversable,
    entrypoint: ['/opt/trainer/bin/python', '-P', '-m', 'trainer_runtime'],
    env: {
      PATH: '/opt/trainer/bin:/usr/local/bin:/usr/bin:/bin',
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONPATH: '/opt/runtime',
      HF_HOME: '/work/huggingface',
      HF_HUB_OFFLINE: '1',
      TRAINER_WORK_DIR: '/work/run',
      TRAINER_DEVICE: 'cpu',
      TRAINER_ENGINE_FALLBACK: 'trl',
      TRAINER_COMPARISON: 'off',
      // Every three seconds, so that a training that is cut off early has one.
      TRAINER_CHECKPOINT_MINUTES: '0.05',
      OMP_NUM_THREADS: '1',
    },
    workingDir: '/work',
    user: { uid: 1001, gid: 0 },
  };
}

/** A Python environment of this machine as the content of an image, under another name. */
export function toEnvironmentContent(environment: string, place: string) {
  // Piece by piece, since the folder itself may be closed to all but its owner.
  const pieces = readdirSync(environment).map((name) => [
    `${place}/${name}`,
    join(environment, name),
  ]);
  return {
    content: Object.fromEntries(pieces) as Record<string, string>,
    traversable: ancestorsOf(realpathSync(join(environment, 'bin/python'))),
  };
}

function ancestorsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '/' ? [] : [...ancestorsOf(parent), parent];
}
