import { type Decorate, override } from './decorate.ts';
import { isEnd } from './receivers.ts';

/** What a replica tells of the end of a job: it is about to be sent, or its sending is noted. */
export type EndMessage = { readonly sending: string } | { readonly noted: string };

/**
 * Tells of every end that goes out, and of every note of one, so that whoever sees this process die
 * knows which ends were sent by it without the record knowing.
 */
export function createEndWitness(tell: (message: EndMessage) => void): Decorate {
  return {
    platform: (platform) => {
      const update: typeof platform.store.update = async (record, change) => {
        const updated = await platform.store.update(record, change);
        // A change of where it goes notes no attempt.
        const isNote = change.delivery !== undefined && change.callbackRevision === undefined;
        if (updated !== undefined && isNote) tell({ noted: record.name });
        return updated;
      };
      return { ...platform, store: override(platform.store, { update }) };
    },
    webhookClient: (client) => ({
      post: (post) => {
        const { status, backend_job_id: name } = JSON.parse(post.body) as Record<string, unknown>;
        if (isEnd(status)) tell({ sending: String(name) });
        return client.post(post);
      },
      close: () => client.close(),
    }),
  };
}
