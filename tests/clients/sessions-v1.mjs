// The TypeScript SDK of the first generation, in a session: it answers what the server's handlers ask. Given several
// URLs, it is sent from one instance to the next, as a load balancer would.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const instances = process.argv.slice(2).map((url) => new URL(url));
const url = instances[0];
// Where calls arrived, and where the answers to their questions did.
const reached = { calls: new Set(), answers: new Set() };
let requests = 0;
function balanced(_, init) {
  const instance = requests++ % instances.length;
  const message = init?.body ? JSON.parse(init.body) : {};
  if (message.method === 'tools/call') reached.calls.add(instance);
  if ('result' in message) reached.answers.add(instance);
  return fetch(instances[instance], init);
}
const client = new Client({ name: 'sessions', version: '1.0.0' }, { capabilities: { sampling: {}, elicitation: {} } });
const asked = [];
client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
  asked.push(params.message);
  return { action: 'accept', content: { username: 'ada', email: 'ada@example.com' } };
});
client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => {
  asked.push(params.messages[0].content.text);
  return { role: 'assistant', content: { type: 'text', text: 'Paris.' }, model: 'none' };
});

const transport = new StreamableHTTPClientTransport(url, { fetch: balanced });
await client.connect(transport);
assert.ok(transport.sessionId, 'a session');
console.log('ok connect');

const elicited = await client.callTool({ name: 'test_elicitation', arguments: { message: 'Who are you?' } });
assert.match(elicited.content[0].text, /action=accept.*ada@example\.com/);
console.log('ok elicitation');

const sampled = await client.callTool({ name: 'test_sampling', arguments: { prompt: 'Capital of France?' } });
assert.match(sampled.content[0].text, /Paris\./);
console.log('ok sampling');

// Several at once, each with its own question.
const many = await Promise.all(
  [...Array(10).keys()].map((n) => client.callTool({ name: 'test_sampling', arguments: { prompt: `question ${n}` } })),
);
assert.equal(many.length, 10);
assert.deepEqual(asked.slice(0, 2), ['Who are you?', 'Capital of France?']);
assert.equal(new Set(asked.slice(2)).size, 10);
console.log('ok ten questions at once');

if (instances.length > 1) {
  // One question at a time, so that the answer is the next request, and arrives elsewhere.
  const before = asked.length;
  for (let n = 0; n < 4; n++) {
    reached.calls.clear();
    reached.answers.clear();
    await client.callTool({ name: 'test_elicitation', arguments: { message: `question ${n}` } });
    assert.equal(reached.calls.size, 1);
    assert.ok(reached.answers.isDisjointFrom(reached.calls), 'answered at the instance that asked');
  }
  assert.equal(asked.length, before + 4);
  console.log('ok answers arrive at another instance');
}

await transport.terminateSession();
await client.close();
await assert.rejects(fetch(url, {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
    'mcp-session-id': transport.sessionId ?? 'gone',
  },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
}).then((response) => {
  assert.equal(response.status, 404);
  throw new Error('as it should be');
}), /as it should be/);
console.log('ok the session ends');
