import { RUNTIME_TABLE } from './runtime-table.ts';

/**
 * The names that our runtime reads beside `TRAINING_*` and `PET_*`: they are the operator's, and a
 * request that sets one would override them.
 */
export const RESERVED_VARIABLES: ReadonlySet<string> = new Set(RUNTIME_TABLE.operatorVariables);
