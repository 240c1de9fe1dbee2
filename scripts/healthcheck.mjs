/* global SERVICE_PORT -- the service's own, which the bundle fills in */

/** Ends with 0 when the service in the same container answers, for images without a shell or curl. */
const { HOST = '127.0.0.1', PORT = SERVICE_PORT } = process.env;
const host = HOST === '0.0.0.0' || HOST === '::' ? 'localhost' : HOST;
try {
  const { ok } = await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${PORT}/healthz`, {
    signal: AbortSignal.timeout(2000),
  });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
