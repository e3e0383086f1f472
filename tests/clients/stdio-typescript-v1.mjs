// The TypeScript SDK of the first generation starts the server itself, as editors do.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { runCalculatorSteps } from './calculator-steps.mjs';
import { LEAST_PROGRESS, cancelAndClose, serverArguments } from './stdio-steps.mjs';

const client = new Client({ name: 'typescript-v1', version: '1.0.0' });
await client.connect(new StdioClientTransport({ ...serverArguments(), stderr: 'inherit' }));
assert.equal(client.getServerVersion().name, 'calculator');
console.log('ok legacy: connect');

await client.ping();
console.log('ok legacy: ping');

const callTool = (params, options) => client.callTool(params, undefined, options);
await runCalculatorSteps('legacy', client, callTool, -32002, LEAST_PROGRESS);
await cancelAndClose('legacy', client, callTool);
