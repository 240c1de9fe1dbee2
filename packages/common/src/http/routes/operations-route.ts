/** Routes for those who run the service: called all the time, without a token, and silent about jobs. */
export const OPERATIONS_ROUTE = { logLevel: 'warn', config: { rateLimit: false } } as const;
