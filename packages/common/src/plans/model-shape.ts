/** What of a decoder decides how much memory its training takes. */
export interface ModelShape {
  readonly parameters: number;
  /** Of these, the ones of the embeddings and the head, which are never kept in 4 or 8 bits. */
  readonly embeddings: number;
  readonly hidden: number;
  readonly layers: number;
  /** Of the hidden values, those of one head of the attention. */
  readonly headSize: number;
  /** How many words it scores. */
  readonly vocabulary: number;
}

/** Parameters of one layer, in squares of the hidden size: 4 of attention, 8 of the feed-forward. */
const SQUARES_OF_LAYER = 12;
/** The hidden size for each layer, about 128 from 7 to 70 billion (Llama, Qwen, Mistral). */
const HIDDEN_OF_LAYER = 128;
/** Smaller models are narrower: Qwen2.5's have 37 at 0.5, 55 at 1.5 and 57 at 3 billion. */
const LEAST_OF_FULL_WIDTH = 7e9;
/** Of a head; smaller models have 64, as Qwen2.5's of 0.5 and Llama 3.2's of 1 billion. */
const HEAD_SIZE = 128;
const LEAST_OF_FULL_HEADS = 1.4e9;
/** That of Llama 3; Qwen's is larger, Llama 2's smaller. */
const VOCABULARY = 128_256;
/** Small models share one matrix between embedding and head, or have fewer words. */
const MOST_EMBEDDED = 0.3;

/** The usual shape of a decoder of that size: some 12 × layers × hidden² parameters. Pure. */
export function toUsualShape(parameters: number): ModelShape {
  const ofLayer = HIDDEN_OF_LAYER * Math.min(1, Math.cbrt(parameters / LEAST_OF_FULL_WIDTH));
  const hidden = Math.cbrt((parameters * ofLayer) / SQUARES_OF_LAYER);
  const layers = Math.max(1, Math.round(hidden / ofLayer));
  const embeddings = Math.min(2 * VOCABULARY * hidden, MOST_EMBEDDED * parameters);
  const headSize = parameters < LEAST_OF_FULL_HEADS ? HEAD_SIZE / 2 : HEAD_SIZE;
  return { parameters, embeddings, hidden, layers, headSize, vocabulary: VOCABULARY };
}
