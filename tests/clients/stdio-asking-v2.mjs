// The TypeScript SDK of the second generation starts the server itself, and answers what its handlers ask: in rounds as
// a client of 2026-07-28, and in place over the initialize handshake.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { answering, giveUp, runAskingSteps } from './stdio-asking-steps.mjs';
import { serverArguments } from './stdio-steps.mjs';

async function run(mode) {
  const client = new Client(
    { name: 'asking', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {} }, versionNegotiation: { mode } },
  );
  const answers = answering();
  client.setRequestHandler('elicitation/create', ({ params }, context) => {
    return answers.elicit(params, context.mcpReq.signal);
  });
  client.setRequestHandler('sampling/createMessage', ({ params }) => answers.sample(params));
  await client.connect(new StdioClientTransport({ ...serverArguments(), stderr: 'inherit' }));
  const era = client.getProtocolEra();
  assert.equal(era, mode === 'auto' ? 'modern' : 'legacy');
  const callTool = (params, options) => client.callTool(params, options);
  await runAskingSteps(era, callTool, answers);
  // In the newest revision the question is the client's own business: the server has answered its request.
  if (era === 'legacy') await giveUp(era, callTool, answers);
  await client.close();
}

await run('auto');
await run('legacy');
