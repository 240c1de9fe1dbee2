/** Routes for those who run the service: asked all the time, none needs a token or tells of a job. */
export const OPERATIONS_ROUTE = { logLevel: 'warn', config: { rateLimit: false } } as const;
