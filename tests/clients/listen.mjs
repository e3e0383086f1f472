// The TypeScript SDK of the second generation listens at one server to what changes at another.
// Arguments: the URL to listen at, the URL to make changes at, the process to end at last.
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [listenAt, changeAt, pid] = process.argv.slice(2);
assert.ok(pid, 'listen.mjs takes two URLs and a process id');

async function connect(url) {
  const client = new Client({ name: 'listen', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  assert.equal(client.getProtocolEra(), 'modern');
  return client;
}

/** The next value that `push` is given, each once, within five seconds. */
function queue() {
  const values = [];
  const waiting = [];
  return {
    values,
    push: (value) => (waiting.length > 0 ? waiting.shift()(value) : values.push(value)),
    next: () =>
      values.length > 0
        ? Promise.resolve(values.shift())
        : new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error('nothing was heard in 5 s')), 5000);
            waiting.push((value) => {
              clearTimeout(timer);
              resolve(value);
            });
          }),
  };
}

const listener = await connect(listenAt);
const { capabilities } = listener.getDiscoverResult();
assert.deepEqual(capabilities.resources, { subscribe: true, listChanged: true });
assert.deepEqual(capabilities.tools, { listChanged: true });
console.log('ok the server says that it notifies');

const heard = queue();
listener.setNotificationHandler('notifications/resources/updated', (notification) => heard.push(notification.params));
const filter = { resourceSubscriptions: ['notes://today'], toolsListChanged: true, promptsListChanged: true };
const subscription = await listener.listen(filter);
// It has no prompts.
assert.deepEqual(subscription.honoredFilter, { resourceSubscriptions: ['notes://today'], toolsListChanged: true });
console.log('ok the stream is acknowledged');

const writer = await connect(changeAt);
const write = async (name, text) => {
  const result = await writer.callTool({ name: 'write_note', arguments: { name, text } });
  assert.ok(!result.isError, JSON.stringify(result));
};
await write('tomorrow', 'nobody listens to this one');
await write('today', 'rain');
assert.equal((await heard.next()).uri, 'notes://today');
assert.equal(heard.values.length, 0);
console.log('ok a change made at the other server is heard, and no other');

const { contents } = await writer.readResource({ uri: 'notes://today' });
assert.equal(contents[0].text, 'rain');
console.log('ok what changed is read');

process.kill(Number(pid), 'SIGTERM');
assert.equal(await subscription.closed, 'graceful');
console.log('ok the server ends the stream with its result when it is told to end');
await writer.close();
await listener.close();
