import { describe, expect, it } from 'vitest';
import { specify } from '../../test/builders.ts';
import { createJobMask } from './job-mask.ts';

describe('the mask of a job', () => {
  it.each([
    [['--password', 'hunter2-pass99']],
    [['--password=hunter2-pass99']],
    [["--password='hunter2-pass99'"]],
    [['sh', '-c', 'cd /x; PASSWORD=hunter2-pass99; python train.py --lr 1e-4']],
    [['sh', '-c', 'python train.py --password "hunter2-pass99" --lr 1e-4']],
    [['-c', 'password: hunter2-pass99']],
  ])('covers the credential in the words %j of a command line', (words) => {
    for (const part of ['trainer_args', 'trainer_command']) {
      const { secrets } = specify({ [`extra_parameters.${part}`]: words });
      const said = createJobMask(secrets).apply("Namespace(lr=0.1, password='hunter2-pass99')");
      expect(said).toBe("Namespace(lr=0.1, password='[redacted]')");
    }
  });

  it('covers a credential with what a shell would end it at, where no shell reads it', () => {
    const { secrets } = specify({ 'extra_parameters.trainer_args': ['--password=hunter2;pass99'] });
    expect(createJobMask(secrets).apply('it is hunter2;pass99')).toBe('it is [redacted]');
  });

  it('leaves words that are no credential, and short ones', () => {
    const words = ['--epochs', '3', '--mode', 'offline-only', '--password', 'short'];
    const { secrets } = specify({ 'extra_parameters.trainer_args': words });
    expect(createJobMask(secrets).apply('short offline-only 3')).toBe('short offline-only 3');
  });

  it('covers every value of the operator’s from 8 characters on', () => {
    const shared = ['Kd93ksl0Kd93', '12345678', '1234567', 'a sentence of theirs'];
    const said = createJobMask({}, shared).apply(
      'Kd93ksl0Kd93, 12345678, 1234567; a sentence of theirs',
    );
    expect(said).toBe('[redacted], [redacted], 1234567; [redacted]');
  });
});
