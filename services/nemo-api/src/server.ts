import { startService } from '@trainer/common';
import { findService } from '@trainer/services';

await startService(findService('nemo').backend);
