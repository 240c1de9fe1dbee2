import { measureHttp } from './http-ratio.ts';
console.log(await measureHttp({ rounds: 3, roundMs: 3000 }));
