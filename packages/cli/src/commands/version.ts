import type { TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { toRows } from '../table.ts';

/** Prints which release answers, and where it runs jobs. */
export async function showVersion(
  client: TrainerClient,
  { json }: { readonly json: boolean },
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<void> {
  const answer = await client.version({ signal });
  if (json) stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  else {
    const { version, api_level, runner, cluster, namespace } = answer;
    stdout.write(
      toRows({
        Version: version,
        'API level': String(api_level),
        Runner: runner,
        Cluster: cluster,
        Namespace: namespace,
      }),
    );
  }
}
