import { services } from '@trainer/services';

// For programs that run on a Node that knows no TypeScript.
console.log(JSON.stringify(services.map(({ name, folder, port }) => ({ name, folder, port }))));
