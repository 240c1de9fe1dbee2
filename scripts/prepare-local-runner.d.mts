export declare function prepareLocalRunner(
  env: Readonly<Record<string, string | undefined>>,
  options?: {
    readonly say?: (line: string) => void;
    readonly install?: (folder: string, python: string, env: object) => Promise<void>;
  },
): Promise<Record<string, string>>;
