import { startService } from '@trainer/common';
import { MetaBackend } from './backend.ts';

await startService(new MetaBackend());
