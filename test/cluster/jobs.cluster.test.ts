import type { Problem } from '@trainer/common';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { JOBSET_API, ServiceFixture, TRAINER_API } from './service-fixture.ts';

/** What the guide's example needs to be accepted by each service. */
const SERVICES = [
  { backend: 'nemo', base_model: { provider: 'nemo' } },
  { backend: 'meta', base_model: {} },
  { backend: 'hf-unsloth', base_model: {} },
] as const;

describe.each(SERVICES)('$backend on a real control plane', ({ backend, base_model }) => {
  let service: ServiceFixture;

  beforeAll(async () => {
    service = await ServiceFixture.start({ kubeconfigPath: inject('kubeconfigPath'), backend });
  });
  afterAll(() => service?.close());

  const play = (...trainer_args: string[]) =>
    service.request({ base_model, extra_parameters: { trainer_args } });

  it("runs the guide's example from POST to its end", async () => {
    const request = await play('--testbed-run-ms=2000');
    const { status, body } = await service.submit(request);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'submitted', detail: 'Job accepted for processing' });

    const running = await service.told(request.job_id, 'running');
    expect(running.json).toMatchObject({ detail: 'Training is running on 1 of 1 node' });
    const ended = await service.told(request.job_id, 'succeeded');
    expect(ended.headers.authorization).toBe('Bearer mytoken');
    expect((await service.get(request.job_id)).body).toMatchObject({
      status: 'succeeded',
      reason: 'COMPLETED',
      backend_job_id: body.backend_job_id,
    });
  });

  it('tells why a training failed, with its exit code and last lines', async () => {
    const request = await play(
      '--testbed-outcome=failed',
      '--testbed-exit-code=3',
      '--testbed-message=loss_is_nan',
    );
    await service.submit(request);
    const { json } = await service.told(request.job_id, 'failed');
    expect(json.reason).toBe('POD_FAILED');
    expect(json.detail).toMatch(/3.*loss_is_nan/);
  });

  it('keeps a failed job failed when Trainer runs it again, and stops that run', async () => {
    // Long enough that the second run cannot have ended by itself.
    const request = await play('--testbed-outcome=failed', '--testbed-run-ms=5000');
    const { job_id: id } = request;
    const { backend_job_id: name } = (await service.submit(request)).body;
    const { json } = await service.told(id, 'failed');
    // Attempts at the callback are events, and move the revision alone.
    const read = async () => {
      const { revision: _, ...body } = (await service.get(id)).body;
      return body;
    };
    const ended = await read();
    const { uid } = (await service.read(JOBSET_API, 'jobsets', name)).metadata;
    const untilJobSets = await service.follow(JOBSET_API, 'jobsets');

    await service.remove(JOBSET_API, 'jobsets', name);
    await untilJobSets((all) => all.has(name) && all.get(name)?.metadata.uid !== uid);
    expect(await read()).toEqual(ended);
    await service.untilNothingRuns(name);
    expect(await read()).toEqual(ended);
    expect(ended).toMatchObject({ status: 'failed', reason: json.reason });
    const told = service.receiver.requests.filter(({ json }) => json.job_id === id);
    expect(told.at(-1)?.json).toEqual(json);
  });

  it('ends a training at its deadline', async () => {
    const request = {
      ...(await play('--testbed-outcome=never')),
      resources: { gpus: 4, max_duration_minutes: 1 },
    };
    await service.submit(request);
    const { json } = await service.told(request.job_id, 'failed');
    expect(json.reason).toBe('DEADLINE_EXCEEDED');
  });

  it('refuses what admission refuses, in its words, and keeps nothing of it', async () => {
    const request = {
      ...(await play()),
      extra_parameters: { runtime_ref: { name: 'absent-runtime' } },
    };
    const { status, body } = await service.submit(request);
    expect(status).toBe(400);
    expect(body as unknown as Problem).toMatchObject({
      code: 'SUBMISSION_REFUSED',
      detail: expect.stringContaining('absent-runtime'),
    });
    expect((await service.get(request.job_id)).status).toBe(404);
    expect(await service.list(TRAINER_API, 'trainjobs')).not.toContain(request.job_id);
  });

  it('tells what a job was asked for, as its container reads it', async () => {
    const tuning_parameters = { note: 'costs $5, $(HOME) and $$' };
    const { callbacks: _callbacks, ...request } = await service.request({
      ...{ base_model, tuning_parameters },
      extra_parameters: { trainer_args: ['--testbed-outcome=never'] },
    });
    await service.submit(request);
    const { body } = await service.askedFor(request.job_id);
    expect(body.request).toMatchObject({ job_id: request.job_id, tuning_parameters });
    expect(body.resolved_request).toMatchObject({ job_id: request.job_id, tuning_parameters });
    expect(body.withheld).toContain('base_model.huggingface_token');
    expect(JSON.stringify(body)).not.toContain('hf_launchpad_token');
    await service.cancel(request.job_id);
  });

  it('answers a repeated submission with the job, and a different one with a conflict', async () => {
    const request = await play('--testbed-outcome=never');
    await service.submit(request);
    const again = await service.submit(request);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const other = await service.submit({ ...request, resources: { gpus: 8 } });
    expect(other.status).toBe(409);
    await service.cancel(request.job_id);
    await service.told(request.job_id, 'cancelled');
  });
});
