// The TypeScript SDK of the second generation with its package for tasks: starts one, and answers what it asks.
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient, resultFromTaskOutcome } from '@modelcontextprotocol/ext-tasks/client';

const url = new URL(process.argv[2]);
const clientInfo = { name: 'tasks', version: '1.0.0' };
const clientCapabilities = { elicitation: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };
const protocolVersion = '2026-07-28';
const client = new Client(clientInfo, { capabilities: clientCapabilities, versionNegotiation: { mode: { pin: protocolVersion } } });
await client.connect(new StreamableHTTPClientTransport(url));
console.log('ok connect');

// The package writes the messages of tasks; how they travel is left to its host.
const methods = [];
let nextId = 1;
async function rawDispatch(request, { signal } = {}) {
  methods.push(request.method);
  const response = await fetch(url, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': protocolVersion,
      'mcp-method': request.method,
      'mcp-name': request.params.name ?? request.params.taskId,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: nextId++, ...request }),
  });
  const { result, error } = await response.json();
  return error ? { kind: 'error', error } : { kind: 'result', result };
}

const asked = [];
const session = createTaskSessionFromClient(client, {
  endpointId: 'conformance',
  rawDispatch,
  v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities },
  onInputRequest: async (request, { taskId, delivery }) => {
    asked.push({ message: request.params.message, taskId, delivery });
    const content = request.params.message.startsWith('Delete') ? { confirm: true } : { name: request.params.message.split(' ')[3] };
    return { action: 'accept', content };
  },
});

async function call(name, args) {
  const execution = await session.callTool(name, args);
  const { outcome } = await execution.settle();
  return { kind: execution.kind, id: execution.handle?.taskId, outcome };
}

const plain = await call('greet', { name: 'Ada' });
assert.equal(plain.kind, 'immediate');
assert.equal(resultFromTaskOutcome(plain.outcome).content[0].text, 'Hello, Ada!');
console.log('ok a tool that is no task');

const slow = await call('slow_compute', { seconds: 1, label: 'The sum' });
assert.equal(slow.kind, 'task');
assert.equal(resultFromTaskOutcome(slow.outcome).content[0].text, 'The sum took 1 s');
console.log('ok a task');

const deleted = await call('confirm_delete', { filename: 'old.txt' });
assert.equal(resultFromTaskOutcome(deleted.outcome).content[0].text, 'old.txt is deleted');
assert.deepEqual(asked, [{ message: 'Delete old.txt?', taskId: deleted.id, delivery: 'task-update' }]);
assert.ok(methods.includes('tasks/update'));
console.log('ok a task that asks');

const both = await call('multi_input', {});
assert.equal(resultFromTaskOutcome(both.outcome).content[0].text, 'first and second');
console.log('ok a task that asks two things at once');

const broken = await call('protocol_error_job', {});
assert.deepEqual([broken.outcome.status, broken.outcome.error?.code], ['failed', -32603]);
console.log('ok a task that fails');

const long = await session.callTool('slow_compute', { seconds: 60 });
await long.cancel();
assert.equal((await session.task(long.handle.taskId).snapshot()).status, 'cancelled');
console.log('ok a task that is cancelled');
await session.close();
await client.close();
