import { describe, expect, test } from 'vitest';
import type { Pod } from './pod.ts';
import { type ContainerState, type PodProgress, toPhase, toPodStatus } from './pod-status.ts';

const NOW = '2026-01-01T00:00:00Z';
const waiting: ContainerState = { waiting: { reason: 'ContainerCreating' } };
const running: ContainerState = { running: { startedAt: NOW } };
const ended = (exitCode: number): ContainerState => ({
  terminated: { exitCode, reason: 'x', startedAt: NOW, finishedAt: NOW },
});

function progress(
  states: Record<string, ContainerState>,
  more: Partial<PodProgress> = {},
): PodProgress {
  const container = (name: string) => ({ name, image: 'i' });
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'ns', uid: 'u' },
    spec: {
      initContainers: [container('init'), { ...container('beside'), restartPolicy: 'Always' }],
      containers: [container('main'), container('other')],
    },
  };
  const containers = new Map(
    Object.entries(states).map(([name, state]) => [name, { state, restartCount: 0 }]),
  );
  return { pod, containers, startTime: NOW, hostIp: '10.0.0.1', isEnding: false, ...more };
}

const conditionOf = (status: Record<string, unknown>, type: string) =>
  (status.conditions as { type: string }[]).find((condition) => condition.type === type);

describe('the phase', () => {
  test.each<[string, Record<string, ContainerState>, Partial<PodProgress>]>([
    ['Pending', { init: running }, {}],
    ['Pending', { init: ended(0), beside: running, main: waiting, other: waiting }, {}],
    ['Running', { init: ended(0), beside: running, main: running, other: waiting }, {}],
    ['Running', { init: ended(0), beside: running, main: ended(0), other: ended(0) }, {}],
    // Not before the sidecar is gone, too.
    [
      'Running',
      { init: ended(0), beside: running, main: ended(0), other: ended(0) },
      { isEnding: true },
    ],
    [
      'Succeeded',
      { init: ended(0), beside: ended(143), main: ended(0), other: ended(0) },
      { isEnding: true },
    ],
    [
      'Failed',
      { init: ended(0), beside: ended(0), main: ended(0), other: ended(2) },
      { isEnding: true },
    ],
    ['Failed', { init: ended(1) }, { isEnding: true }],
    [
      'Failed',
      { init: ended(0), beside: ended(0), main: ended(0), other: ended(0) },
      { isEnding: true, verdict: { reason: 'Evicted', message: 'm', isDisruption: true } },
    ],
  ])('%s: %j', (phase, states, more) => {
    expect(toPhase(progress(states, more))).toBe(phase);
  });
});

describe('the status', () => {
  test('names what is not ready, and what is not initialized', () => {
    const status = toPodStatus(progress({ init: running }), NOW);
    expect(conditionOf(status, 'Initialized')).toMatchObject({
      ...{ status: 'False', reason: 'ContainersNotInitialized' },
      message: 'containers with incomplete status: [init beside]',
    });
    expect(conditionOf(status, 'Ready')).toMatchObject({
      ...{ status: 'False', reason: 'ContainersNotReady' },
      message: 'containers with unready status: [beside main other]',
    });
  });

  test('is ready when all run', () => {
    const states = { init: ended(0), beside: running, main: running, other: running };
    const status = toPodStatus(progress(states, { podIp: '10.0.0.2' }), NOW);
    expect(conditionOf(status, 'Ready')).toMatchObject({ status: 'True', reason: null });
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.0.0.2' });
  });

  test('of an eviction says why, and that it was a disruption', () => {
    const verdict = { reason: 'Evicted', message: 'low on memory', isDisruption: true };
    const states = { init: ended(0), beside: ended(0), main: ended(137), other: ended(137) };
    const status = toPodStatus(progress(states, { isEnding: true, verdict }), NOW);
    expect(status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message: 'low on memory' });
    expect(conditionOf(status, 'DisruptionTarget')).toMatchObject({
      reason: 'TerminationByKubelet',
    });
    expect(conditionOf(status, 'Ready')).toMatchObject({ status: 'False', reason: 'PodFailed' });
  });
});
