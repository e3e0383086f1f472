// The TypeScript SDK of the second generation answers what the server's handlers ask, in rounds.
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const url = new URL(process.argv[2]);
const client = new Client(
  { name: 'asking', version: '1.0.0' },
  { capabilities: { sampling: {}, elicitation: {}, roots: {} }, versionNegotiation: { mode: { pin: '2026-07-28' } } },
);
const asked = [];
client.setRequestHandler('elicitation/create', async ({ params }) => {
  asked.push(params.message);
  const fields = Object.keys(params.requestedSchema.properties);
  const answers = { name: 'Ada', color: 'green', ok: true, username: 'ada', email: 'ada@example.com' };
  return { action: 'accept', content: Object.fromEntries(fields.map((field) => [field, answers[field]])) };
});
client.setRequestHandler('sampling/createMessage', async () => (
  { role: 'assistant', content: { type: 'text', text: 'Paris.' }, model: 'none' }
));
client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///projects' }] }));

await client.connect(new StreamableHTTPClientTransport(url));
assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');

const text = async (name, args = {}) => {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, JSON.stringify(result));
  return result.content[0].text;
};

assert.match(await text('test_input_required_result_elicitation'), /Ada/);
console.log('ok elicitation');
assert.match(await text('test_input_required_result_sampling'), /Paris/);
console.log('ok sampling');
assert.match(await text('test_input_required_result_list_roots'), /file:\/\/\/projects/);
console.log('ok roots');
assert.match(await text('test_input_required_result_multi_round'), /Ada likes green/);
assert.deepEqual(asked.slice(-2), ['What is your name?', 'Ada, what is your favorite color?']);
console.log('ok two rounds');
assert.match(await text('test_input_required_result_multiple_inputs'), /Paris\. Ada, 1 roots/);
console.log('ok three questions in one round');
assert.match(await text('test_elicitation', { message: 'Who are you?' }), /ada@example\.com/);
console.log('ok the tool that sessions ask through answers in rounds too');
await client.close();
