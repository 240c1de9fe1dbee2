import type { Command } from './command.ts';
import { callbacks } from './commands/callbacks.ts';
import { cancel } from './commands/cancel.ts';
import { check } from './commands/check.ts';
import { deliveries } from './commands/deliveries.ts';
import { events } from './commands/events.ts';
import { forget } from './commands/forget.ts';
import { list } from './commands/list.ts';
import { logs } from './commands/logs.ts';
import { metrics } from './commands/metrics.ts';
import { plan } from './commands/plan.ts';
import { render } from './commands/render.ts';
import { replay } from './commands/replay.ts';
import { request } from './commands/request.ts';
import { rerun } from './commands/rerun.ts';
import { status } from './commands/status.ts';
import { submit } from './commands/submit.ts';
import { version } from './commands/version.ts';
import { wait } from './commands/wait.ts';
import { watch } from './commands/watch.ts';
import { why } from './commands/why.ts';

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...[submit, rerun, list, status, request, why, wait, watch, events, logs, metrics, cancel],
  ...[deliveries, replay, callbacks, forget, plan, version, render, check],
];
