// The TypeScript SDK of the first generation starts the server itself, and answers what its handlers ask.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { answering, giveUp, runAskingSteps } from './stdio-asking-steps.mjs';
import { serverArguments } from './stdio-steps.mjs';

const client = new Client({ name: 'asking', version: '1.0.0' }, { capabilities: { sampling: {}, elicitation: {} } });
const answers = answering();
client.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) => answers.elicit(params, signal));
client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => answers.sample(params));
await client.connect(new StdioClientTransport({ ...serverArguments(), stderr: 'inherit' }));

const callTool = (params, options) => client.callTool(params, undefined, options);
await runAskingSteps('legacy', callTool, answers);
await giveUp('legacy', callTool, answers);
await client.close();
