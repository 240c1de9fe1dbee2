import { StringDecoder } from 'node:string_decoder';

/** A line, or a piece of one that is very long. */
export interface LinePiece {
  readonly text: string;
  /** The line goes on in the next piece. */
  readonly isPartial: boolean;
  /** Behind it, and behind its newline, in the chunk that it came with. */
  readonly endsAt: number;
}

const NEWLINE = 10;
const RETURN = 13;
/** So much of a line is kept at most. */
export const MAX_PIECE_BYTES = 16 * 1024;

/** Cuts a stream of bytes into lines, and lines that are very long into pieces. */
export class LineSplitter {
  #decoder = new StringDecoder('utf8');
  #text = '';
  #bytes = 0;
  /** A piece of this line has been given. */
  #isInside = false;

  /** The lines that end in this chunk, and pieces of one that has become too long. */
  *push(chunk: Buffer): Generator<LinePiece> {
    let from = 0;
    while (from < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, from);
      const end = newline < 0 ? chunk.length : newline;
      const cut = Math.min(end, from + MAX_PIECE_BYTES - this.#bytes);
      this.#take(chunk.subarray(from, cut));
      from = cut;
      if (newline >= 0 && cut === newline) {
        from = newline + 1;
        yield this.#give(false, from);
      } else if (this.#bytes >= MAX_PIECE_BYTES) yield this.#give(true, from);
    }
  }

  /** What came without a newline at its end, if anything did. */
  *end(): Generator<LinePiece> {
    if (this.#bytes > 0 || this.#isInside) yield this.#give(false, 0);
  }

  #take(bytes: Buffer): void {
    this.#text += this.#decoder.write(bytes);
    this.#bytes += bytes.length;
  }

  #give(isPartial: boolean, endsAt: number): LinePiece {
    const whole = isPartial ? this.#text : this.#text + this.#decoder.end();
    const text =
      !isPartial && whole.charCodeAt(whole.length - 1) === RETURN ? whole.slice(0, -1) : whole;
    this.#text = '';
    this.#bytes = 0;
    this.#isInside = isPartial;
    return { text, isPartial, endsAt };
  }
}
