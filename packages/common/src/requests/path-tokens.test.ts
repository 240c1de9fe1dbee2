import { expect, it } from 'vitest';
import { showWebhook } from './credentials.ts';

const JOB_ID = '7f9c24e8-3b12-4fef-91e0-56a2d5b1c0aa';

it.each([
  [
    'https://hooks.example.com/services/T024BE7LD/B0G9QF9C6/x7JkQ2mV9pLr4TnW8sYb3ZcD',
    'https://hooks.example.com/services/T024BE7LD/B0G9QF9C6/[redacted]',
  ],
  [
    'https://api.example.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/send',
    'https://api.example.org/[redacted]/send',
  ],
  ['https://h.example/a//0123456789abcdef0123?sig=x', 'https://h.example/a//[redacted]?[redacted]'],
  [`https://studio.example/api/hooks/${JOB_ID}`, `https://studio.example/api/hooks/${JOB_ID}`],
  ['https://h.example/training-status-receiver', 'https://h.example/training-status-receiver'],
  ['https://0123456789abcdef0123.example', 'https://0123456789abcdef0123.example'],
  ['http://h.example:8080/hook?token=x#y', 'http://h.example:8080/hook?[redacted]#y'],
])('shows %s as %s', (url, shown) => {
  expect(showWebhook(url, JOB_ID)).toBe(shown);
});

it('shows a job id that is written with escapes', () => {
  const jobId = 'team:fine-tune-number:0123456789';
  const url = `https://studio.example/hooks/${encodeURIComponent(jobId)}`;
  expect(showWebhook(url, jobId)).toBe(url);
});
