import { render } from 'preact';
import { createServices } from './api/services.ts';
import { TokenStore } from './api/token-store.ts';
import { App } from './app.tsx';
import { readSettings } from './settings.ts';

const { service, title, peers } = readSettings(document);
const own = { name: service, baseUrl: new URL('.', document.baseURI).href };
const root = document.getElementById('app');
if (root !== null) {
  const services = createServices(own, peers, new TokenStore(sessionStorage));
  render(<App title={title} services={services} />, root);
}
