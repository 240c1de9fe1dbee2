import { get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { NODE_OPTIONS } from './node-options.mjs';
import { binOf } from './project-paths.mjs';

const POLL_MS = 100;

/**
 * Starts one service, with `settings` in its environment. `ready` says whether it came to answer
 * GET /healthz before it ended; `ended` gives its exit code. What it writes to stderr before it is
 * ready is held until `showHeldErrors`, so that the others' closing logs do not bury why it failed.
 */
export async function startService({ name, folder, port }, { supervisor, watch, settings }) {
  const host = process.env.HOST || '127.0.0.1';
  // Whoever has the port now would answer the health check in the service's place.
  const portTaken = await isListening(host, port);

  const entry = `services/${folder}/src/server.ts`;
  const child = supervisor.startProgram(watch ? [binOf('tsx'), 'watch', entry] : [entry], {
    env: { NODE_OPTIONS, ...process.env, ...settings, PORT: port },
    stderr: watch ? 'inherit' : 'pipe',
  });
  const showHeldErrors = holdErrors(child);

  const url = toServiceUrl(host, port);
  const answers = portTaken ? child.ended.then(() => false) : answersBeforeEnd(url, child.ended);
  const ready = answers.then((answered) => {
    if (answered) showHeldErrors();
    return answered;
  });
  return { name, folder, url, ready, ended: child.ended, showHeldErrors };
}

function holdErrors(child) {
  let held = [];
  child.stderr?.on('data', (chunk) => (held ? held.push(chunk) : process.stderr.write(chunk)));
  return () => {
    if (held?.length) process.stderr.write(Buffer.concat(held));
    held = undefined;
  };
}

/** Where a service that listens on this host and port is called on this machine. */
export function toServiceUrl(host, port) {
  return `http://${hostInUrl(host)}:${port}`;
}

/** An address to dial for one to listen on. */
function hostInUrl(host) {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function isListening(host, port) {
  return new Promise((resolve) => {
    try {
      const socket = connect({ host, port, timeout: 1000 });
      const settle = (listening) => {
        socket.destroy();
        resolve(listening);
      };
      socket.once('connect', () => settle(true));
      socket.once('error', () => settle(false)).once('timeout', () => settle(false));
    } catch {
      // A bad port is the service's to refuse, in its own words.
      resolve(false);
    }
  });
}

async function answersBeforeEnd(url, ended) {
  const end = new AbortController();
  ended.then(() => end.abort());
  while (!end.signal.aborted) {
    if (await answersHealthz(url)) return true;
    await delay(POLL_MS, undefined, { signal: end.signal }).catch(() => {});
  }
  return false;
}

function answersHealthz(url) {
  return new Promise((resolve) => {
    try {
      // Without an agent no idle connection is left, on which the service's end would wait.
      const request = get(`${url}/healthz`, { agent: false, timeout: 1000 }, (response) => {
        response.resume().once('close', () => resolve(response.statusCode === 200));
      });
      request.once('timeout', () => request.destroy()).once('error', () => resolve(false));
    } catch {
      resolve(false);
    }
  });
}
