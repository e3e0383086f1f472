// The TypeScript SDK of the second generation starts the server itself: once for each way to open a connection.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { runCalculatorSteps } from './calculator-steps.mjs';
import { LEAST_PROGRESS, cancelAndClose, serverArguments } from './stdio-steps.mjs';

const MODERN = '2026-07-28';

async function run(label, mode, era, version) {
  const client = new Client({ name: `typescript-v2-${label}`, version: '1.0.0' }, { versionNegotiation: { mode } });
  await client.connect(new StdioClientTransport({ ...serverArguments(), stderr: 'inherit' }));
  assert.equal(client.getProtocolEra(), era);
  assert.equal(client.getNegotiatedProtocolVersion(), version);
  assert.equal(client.getServerVersion()?.name, 'calculator');
  console.log(`ok ${label}: connect`);

  const callTool = (params, options) => client.callTool(params, options);
  await runCalculatorSteps(label, client, callTool, -32602, LEAST_PROGRESS);
  await cancelAndClose(label, client, callTool);
}

await run('auto', 'auto', 'modern', MODERN);
await run('pinned', { pin: MODERN }, 'modern', MODERN);
await run('legacy', 'legacy', 'legacy', '2025-11-25');
