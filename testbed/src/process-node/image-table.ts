/**
 * What stands for an image: folders of this machine that are its content, and how it starts. All
 * else that a container sees is the machine's own, copied on write.
 */
export interface Image {
  /** Where in a container → folder or file of this machine, read-only. */
  readonly content: Readonly<Record<string, string>>;
  /** Folders on the way to the content, such as a home, that every user must be able to pass. */
  readonly traversable?: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly user: { readonly uid: number; readonly gid: number };
}

/** By the name that a pod asks for, whole. An image that is not in the table cannot be pulled. */
export type ImageTable = Readonly<Record<string, Image>>;

/** What a container starts: its `command` replaces the image's entrypoint and command, its `args` the command. */
export function toCommandLine(
  { entrypoint, command = [] }: Pick<Image, 'entrypoint' | 'command'>,
  own: {
    readonly command?: readonly string[] | undefined;
    readonly args?: readonly string[] | undefined;
  },
): string[] {
  const hasOwn = own.command !== undefined && own.command.length > 0;
  const start = hasOwn ? (own.command ?? []) : entrypoint;
  const rest = own.args !== undefined && own.args.length > 0 ? own.args : hasOwn ? [] : command;
  return [...start, ...rest];
}
