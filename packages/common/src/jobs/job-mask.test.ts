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

  it.each([
    ['PASSWORD=hunter2-pass99 python train.py', 'hunter2-pass99'],
    ['curl -H "Authorization: Bearer hunter2-pass99" https://x.example', 'hunter2-pass99'],
    ['git clone https://bot:hunter2-pass99@x.example/y', 'hunter2-pass99'],
    ['curl "https://x.example/y?sig=hunter2-pass99&v=2"', 'hunter2-pass99'],
    ['hf login hf_0123456789', 'hf_0123456789'],
  ])('covers what the script %j gives, and none of its lines', (line, credential) => {
    const script = `set -x\n${line}\npython train.py --lr 1e-4\n`;
    const { secrets } = specify({
      'base_model.huggingface_token': 'hf_0123456789',
      'extra_parameters.trainer_args': ['sh', '-c', script],
    });
    expect(secrets.TRAINING_ARG_2).toBe(script);
    const said = createJobMask(secrets).apply(`+ python train.py --lr 1e-4\n+ ${line}\n`);
    expect(said).toContain('+ python train.py --lr 1e-4\n');
    expect(said).toContain('[redacted]');
    expect(said).not.toContain(credential);
  });

  it('covers a credential with blanks after its flag', () => {
    const words = ['--password', 'correct horse battery'];
    const { secrets } = specify({ 'extra_parameters.trainer_args': words });
    expect(createJobMask(secrets).apply('it is correct horse battery')).toBe('it is [redacted]');
  });

  const numbered = (text: string) =>
    Array.from({ length: 25_000 / text.length }, (_, n) => text.replace('N', String(10_000 + n)));
  it.each([
    [';token=aaaaaaaa'],
    [';token=aaaaaaaN'],
    ['token="aaaaaaaN token=\'aaaaaaaN '],
    ["token='aaaaaaaN;"],
    [' https://u:aaaaaaaN@h/?t=aaaaaaaN&u=token=aaaaaaaN'],
    ['--token\naaaaaaaN\n'],
    ['aaaaaaaa'],
  ])('is not much larger than a word of many %j', (text) => {
    const word = `password=x;${numbered(text).join('')}`;
    const { forms } = createJobMask({ TRAINING_ARG_2: word });
    expect(forms.length).toBeLessThanOrEqual(2000 * 11);
    expect(forms.reduce((sum, form) => sum + form.length, 0)).toBeLessThan(word.length * 50);
  });

  it('shows nothing where there are too many credentials to look for', () => {
    const mask = createJobMask({ MANY_TOKEN: numbered('aaaaaaaN\n').join('') });
    expect(mask.apply('aaaaaaa12345 and more')).toBe('[redacted]');
    expect(mask.openStream()?.end('a line\n')).toBe('[redacted]');
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
