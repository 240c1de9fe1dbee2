/**
 * Resolves once `check` holds, asking again whenever `subscribe` tells of something new; the
 * test's own time limit is what ends a wait in vain.
 */
export async function eventually(
  subscribe: (listener: () => void) => () => void,
  check: () => boolean,
): Promise<void> {
  if (check()) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = subscribe(() => {
    if (check()) resolve();
  });
  if (check()) resolve();
  await promise.finally(unsubscribe);
}
