// The TypeScript SDK of the second generation: discover and work as a 2026-07-28 client, then
// once more over the initialize handshake.
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { recordingFetch, runCalculatorSteps, urlArgument } from './calculator-steps.mjs';

const MODERN = '2026-07-28';
const url = urlArgument();

async function connect(mode) {
  const client = new Client({ name: 'typescript-v2', version: '1.0.0' }, { versionNegotiation: { mode } });
  const wire = recordingFetch();
  await client.connect(new StreamableHTTPClientTransport(url, { fetch: wire.fetch }));
  return { client, sent: wire.sent };
}

async function runModern(label, mode) {
  const { client, sent } = await connect(mode);
  assert.equal(client.getProtocolEra(), 'modern');
  assert.equal(client.getNegotiatedProtocolVersion(), MODERN);
  assert.equal(client.getServerVersion()?.name, 'calculator');
  const discovered = client.getDiscoverResult();
  assert.ok(discovered.supportedVersions.includes(MODERN), JSON.stringify(discovered));
  for (const capability of ['tools', 'resources', 'prompts', 'completions']) {
    assert.ok(discovered.capabilities[capability], `discover lacks ${capability}`);
  }
  console.log(`ok ${label}: connect`);

  await runCalculatorSteps(label, client, (params, options) => client.callTool(params, options), -32602);
  await client.close();

  // The API's word is not enough: every request on the wire must have been a modern one.
  assert.equal(sent[0].method, 'server/discover');
  for (const request of sent) {
    assert.equal(request.verb, 'POST', JSON.stringify(request));
    assert.notEqual(request.method, 'initialize');
    assert.equal(request.version, MODERN, JSON.stringify(request));
    assert.equal(request.mcpMethod, request.method);
    assert.equal(request.meta['io.modelcontextprotocol/protocolVersion'], MODERN);
  }
  console.log(`ok ${label}: every request was modern`);
}

async function runLegacy() {
  const { client, sent } = await connect('legacy');
  assert.equal(client.getProtocolEra(), 'legacy');
  assert.equal(client.getNegotiatedProtocolVersion(), '2025-11-25');
  assert.equal(sent[0].method, 'initialize');
  console.log('ok legacy: connect');

  // On the wire it is -32002; this SDK shows the newest revision's code in every era.
  await runCalculatorSteps('legacy', client, (params, options) => client.callTool(params, options), -32602);
  await client.close();
  assert.ok(sent.every((request) => request.version !== MODERN));
  console.log('ok legacy: no request was modern');
}

await runModern('auto', 'auto');
await runModern('pinned', { pin: MODERN });
await runLegacy();
