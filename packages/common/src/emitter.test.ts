import { expect, it } from 'vitest';
import { Emitter } from './emitter.ts';

it('tells those who watch, in their order, until they stop', () => {
  const emitter = new Emitter<string>();
  const heard: string[] = [];
  const unwatch = emitter.watch((event) => heard.push(`one ${event}`));
  emitter.watch((event) => heard.push(`two ${event}`));
  emitter.emit('a');
  unwatch();
  emitter.emit('b');
  emitter.clear();
  emitter.emit('c');
  expect(heard).toEqual(['one a', 'two a', 'two b']);
});

it('throws what a listener throws, unless somebody takes it', () => {
  const emitter = new Emitter<number>();
  const heard: number[] = [];
  emitter.watch(() => {
    throw new Error('deaf');
  });
  emitter.watch((event) => heard.push(event));
  expect(() => emitter.emit(1)).toThrow('deaf');
  const errors: unknown[] = [];
  emitter.emit(2, (error) => errors.push(error));
  expect(heard).toEqual([2]);
  expect(errors).toEqual([new Error('deaf')]);
});
