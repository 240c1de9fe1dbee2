import { startTestService } from '../start-test-service.ts';

/*
 * A service in a process of its own, with the settings of its argument. Its parent is told the URL;
 * without a parent it ends.
 */
process.on('disconnect', () => process.exit());
const [settings = '{}'] = process.argv.slice(2);
const service = await startTestService({ env: JSON.parse(settings) });
process.send?.(service.url);
