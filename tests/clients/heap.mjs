// What an isolate of workerd holds once its garbage is collected, over the inspector: bytes of JavaScript's heap, and of
// WebAssembly's memory.
import assert from 'node:assert/strict';

const socket = new WebSocket(`ws://${process.argv[2]}/main0`);
const answers = new Map();
const context = new Promise((resolve, reject) => {
  socket.onerror = () => reject(new Error(`no inspector at ${process.argv[2]}`));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === 'Runtime.executionContextCreated') resolve(message.params.context.id);
    answers.get(message.id)?.(message);
  };
});

async function ask(method, params) {
  const id = answers.size + 1;
  const answer = new Promise((resolve) => answers.set(id, resolve));
  socket.send(JSON.stringify({ id, method, params }));
  const { result, error } = await answer;
  assert.ok(!error && !result.exceptionDetails, JSON.stringify({ method, error, result }));
  return result;
}

await new Promise((resolve) => (socket.onopen = resolve));
await ask('Runtime.enable');
const contextId = await context;
// A finalizer that runs after the first collection frees what only the second can take.
for (let round = 0; round < 2; round += 1) {
  await ask('Runtime.evaluate', { contextId, expression: 'gc()' });
}
const { usedSize } = await ask('Runtime.getHeapUsage');
const prototype = await ask('Runtime.evaluate', { contextId, expression: 'WebAssembly.Memory.prototype' });
const { objects } = await ask('Runtime.queryObjects', { prototypeObjectId: prototype.result.objectId });
const sum = 'function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0); }';
const memory = await ask('Runtime.callFunctionOn', { objectId: objects.objectId, functionDeclaration: sum });
console.log(usedSize, memory.result.value);
socket.close();
