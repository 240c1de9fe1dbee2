/**
 * Expands `$(NAME)` as the Pod reference says of `command`, `args` and `env`: a name that is not
 * known stays as it is, `$$` is one dollar, so that `$$(NAME)` is never expanded.
 */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^()]*)\)/g, (found, name: string | undefined) => {
    if (name === undefined) return '$';
    return Object.hasOwn(variables, name) ? (variables[name] ?? '') : found;
  });
}
