import { startService } from '@trainer/common';
import { HfUnslothBackend } from './backend.ts';

await startService(new HfUnslothBackend());
