/** A name of the API as people write it: `eval_loss` → `Eval loss`. */
export function toWords(name: string): string {
  const words = name.replaceAll('_', ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
