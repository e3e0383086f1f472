// The TypeScript SDK of the first generation: initialize, then work as a 2025-11-25 client.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { recordingFetch, runCalculatorSteps, urlArgument } from './calculator-steps.mjs';

const url = urlArgument();
const client = new Client({ name: 'typescript-v1', version: '1.0.0' });
const wire = recordingFetch();
const transport = new StreamableHTTPClientTransport(url, { fetch: wire.fetch });

await client.connect(transport);
assert.equal(client.getServerVersion().name, 'calculator');
assert.equal(transport.protocolVersion, '2025-11-25');
assert.equal(wire.sent[0].method, 'initialize');
console.log('ok legacy: connect');

await client.ping();
console.log('ok legacy: ping');

await runCalculatorSteps(
  'legacy',
  client,
  (params, options) => client.callTool(params, undefined, options),
  -32002,
);
await client.close();
