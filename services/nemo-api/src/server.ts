import { startService } from '@trainer/common';
import { NemoBackend } from './backend.ts';

await startService(new NemoBackend());
