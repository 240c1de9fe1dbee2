import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Body, parseValid } from '../../test/builders.ts';
import { identifyRequest } from './asked-forms.ts';
import { toFingerprint } from './canonical-request.ts';
import { toFirstForm } from './first-canonical-form.ts';

interface Fixture {
  readonly name: string;
  readonly body: Body;
  readonly asked: unknown;
  readonly fingerprint: string;
}

/** Requests as commit 03f9e5d, the first release, compared them. */
const FIXTURES: readonly Fixture[] = JSON.parse(
  readFileSync(new URL('../../test/requests-of-03f9e5d.json', import.meta.url), 'utf8'),
);

test.each(FIXTURES.map((fixture) => [fixture.name, fixture] as const))(
  'the first form of %s is that of the first release',
  (_, { body, asked, fingerprint }) => {
    expect(identifyRequest(body, parseValid(body)).fingerprints.fingerprint).toBe(fingerprint);
    const form = toFirstForm(body, parseValid(body));
    expect(form).toEqual(asked);
    expect(toFingerprint(form)).toBe(fingerprint);
  },
);
