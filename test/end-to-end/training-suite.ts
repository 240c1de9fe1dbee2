import type { FleetOptions } from '@trainer/chaos/fleet';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import { TrainingBed } from './training-bed.ts';
import { TrainingJobs } from './training-jobs.ts';

/** A bed with one service, which most suites need and no more. */
export class TrainingSuite {
  readonly bed: TrainingBed;
  readonly service: ServiceFixture;
  readonly jobs: TrainingJobs;

  private constructor(bed: TrainingBed, service: ServiceFixture) {
    this.bed = bed;
    this.service = service;
    this.jobs = new TrainingJobs(bed, service);
  }

  static async start(
    kubeconfigPath: string,
    backend: FleetOptions['backend'],
  ): Promise<TrainingSuite> {
    const bed = await TrainingBed.start(kubeconfigPath, [backend]);
    try {
      return new TrainingSuite(bed, await bed.startService(kubeconfigPath, backend));
    } catch (error) {
      await bed.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.service.close();
    await this.bed.close();
  }
}
