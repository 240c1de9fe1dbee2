import { EventEmitter, once } from 'node:events';

export interface LogLine {
  readonly time: Date;
  readonly text: string;
}

export interface LogQuery {
  readonly follow?: boolean;
  readonly tailLines?: number;
  readonly since?: Date;
}

/** What one run of a container has written, both streams in the order in which it came. */
export class ContainerLog {
  readonly #lines: LogLine[] = [];
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #partial = new Map<string, string>();
  #hasEnded = false;

  /** Takes what a stream has written; a line counts once it is whole. */
  write(stream: 'stdout' | 'stderr', chunk: string): void {
    const parts = ((this.#partial.get(stream) ?? '') + chunk).split('\n');
    this.#partial.set(stream, parts.pop() ?? '');
    for (const text of parts) this.#add(text);
  }

  /** Nothing more will come. */
  end(): void {
    for (const text of this.#partial.values()) if (text !== '') this.#add(text);
    this.#partial.clear();
    this.#hasEnded = true;
    this.#changes.emit('change');
  }

  /** Last lines within a number of lines and of bytes, as for a termination message. */
  tail(maxLines: number, maxBytes: number): string {
    const text = this.#lines
      .slice(-maxLines)
      .map((line) => `${line.text}\n`)
      .join('');
    return Buffer.from(text).subarray(-maxBytes).toString();
  }

  async *read({ follow = false, tailLines, since }: LogQuery, signal: AbortSignal) {
    const isWanted = ({ time }: LogLine) => since === undefined || time >= since;
    const first = this.#lines.filter(isWanted).length - (tailLines ?? Number.POSITIVE_INFINITY);
    let skip = Math.max(0, first);
    for (let next = 0; ; ) {
      for (; next < this.#lines.length; next++) {
        const line = this.#lines[next];
        if (line === undefined || !isWanted(line)) continue;
        if (skip > 0) skip--;
        else yield line;
      }
      if (!follow || this.#hasEnded || signal.aborted) return;
      await once(this.#changes, 'change', { signal }).catch(() => {});
    }
  }

  #add(text: string): void {
    this.#lines.push({ time: new Date(), text });
    this.#changes.emit('change');
  }
}
