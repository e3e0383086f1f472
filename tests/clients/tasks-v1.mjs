// The TypeScript SDK of the first generation, in a session: it starts tasks, and answers what they ask.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateTaskResultSchema, ElicitRequestSchema, RELATED_TASK_META_KEY } from '@modelcontextprotocol/sdk/types.js';

const url = new URL(process.argv[2]);
const client = new Client({ name: 'tasks', version: '1.0.0' }, { capabilities: { elicitation: {} } });
const asked = [];
let refuses = false;
client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
  asked.push({ message: params.message, task: params._meta?.[RELATED_TASK_META_KEY]?.taskId });
  if (refuses) throw new Error('nobody is here');
  const content = params.message.startsWith('Delete') ? { confirm: true } : { name: params.message.split(' ')[3] };
  return { action: 'accept', content };
});

await client.connect(new StreamableHTTPClientTransport(url));
assert.ok(client.getServerCapabilities().tasks.requests.tools.call);
await client.listTools();
console.log('ok connect');

// What a call says on its way, by kind, and the id of its task.
async function follow(name, args) {
  const said = { statuses: [] };
  for await (const message of client.experimental.tasks.callToolStream({ name, arguments: args }, undefined, { task: {} })) {
    if (message.type === 'taskCreated') said.task = message.task.taskId;
    if (message.type === 'taskStatus') said.statuses.push(message.task.status);
    if (message.type === 'result') said.result = message.result;
    if (message.type === 'error') said.error = message.error;
  }
  return said;
}

const slow = await follow('slow_compute', { seconds: 1, label: 'The sum' });
assert.equal(slow.result.content[0].text, 'The sum took 1 s');
assert.equal(slow.result._meta[RELATED_TASK_META_KEY].taskId, slow.task);
assert.deepEqual([slow.statuses[0], slow.statuses.at(-1)], ['working', 'completed']);
console.log('ok a task');

const deleted = await follow('confirm_delete', { filename: 'old.txt' });
assert.equal(deleted.result.content[0].text, 'old.txt is deleted');
assert.equal(deleted.statuses.at(-1), 'input_required');
assert.deepEqual(asked, [{ message: 'Delete old.txt?', task: deleted.task }]);
console.log('ok a task that asks');

const both = await follow('multi_input', {});
assert.equal(both.result.content[0].text, 'first and second');
assert.deepEqual(asked.slice(1).map(({ task }) => task), [both.task, both.task]);
console.log('ok a task that asks two things at once');

refuses = true;
const refused = await follow('confirm_delete', { filename: 'new.txt' });
assert.ok(refused.result.isError);
assert.match(refused.result.content[0].text, /nobody is here/);
console.log('ok a question that is refused');

const long = await client.request({ method: 'tools/call', params: { name: 'slow_compute', arguments: { seconds: 60 } } },
  CreateTaskResultSchema, { task: {} });
const cancelled = await client.experimental.tasks.cancelTask(long.task.taskId);
assert.equal(cancelled.status, 'cancelled');
assert.equal((await client.experimental.tasks.getTask(long.task.taskId)).status, 'cancelled');
console.log('ok a task that is cancelled');
await client.close();
