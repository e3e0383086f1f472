// What every TypeScript client answers when it has started the server itself, and what it hears when it gives up.
import assert from 'node:assert/strict';

/** How long the server may take to withdraw a question. */
const SOON = 5000;

/** The handlers of a client: `asked` is what it was asked, and a question that says so is never answered. */
export function answering() {
  const asked = [];
  const withdrawn = [];
  return {
    asked,
    withdrawn,
    async elicit({ message }, signal) {
      asked.push(message);
      if (message === 'Wait for ever.') {
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            withdrawn.push(message);
            reject(new Error('withdrawn'));
          });
        });
      }
      return { action: 'accept', content: { username: 'ada', email: 'ada@example.com' } };
    },
    async sample({ messages }) {
      asked.push([messages[0].content].flat()[0].text);
      return { role: 'assistant', content: { type: 'text', text: 'Paris.' }, model: 'none' };
    },
  };
}

/** Asks through the tools of the server; `callTool(params, options)` is as for the calculator's steps. */
export async function runAskingSteps(label, callTool, client) {
  const elicited = await callTool({ name: 'test_elicitation', arguments: { message: 'Who are you?' } });
  assert.match(elicited.content[0].text, /action=accept.*ada@example\.com/);
  console.log(`ok ${label}: elicitation`);

  const sampled = await callTool({ name: 'test_sampling', arguments: { prompt: 'Capital of France?' } });
  assert.match(sampled.content[0].text, /Paris\./);
  console.log(`ok ${label}: sampling`);
  assert.deepEqual(client.asked, ['Who are you?', 'Capital of France?']);

  const many = await Promise.all(
    [...Array(10).keys()].map((n) => callTool({ name: 'test_sampling', arguments: { prompt: `question ${n}` } })),
  );
  assert.equal(many.filter(({ content }) => content[0].text.includes('Paris.')).length, 10);
  console.log(`ok ${label}: ten questions at once`);
}

/** Gives a call up while its question is open: the server says that it wants no answer any more. */
export async function giveUp(label, callTool, client) {
  const controller = new AbortController();
  const params = { name: 'test_elicitation', arguments: { message: 'Wait for ever.' } };
  const calling = callTool(params, { signal: controller.signal });
  const until = async (what, condition) => {
    const end = Date.now() + SOON;
    while (!condition()) {
      assert.ok(Date.now() < end, what);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const failed = assert.rejects(calling);
  await until('the question never came', () => client.asked.includes('Wait for ever.'));
  controller.abort('the person went away');
  await failed;
  await until('the question was not withdrawn', () => client.withdrawn.length === 1);
  console.log(`ok ${label}: a question is withdrawn with its request`);
  const again = await callTool({ name: 'test_elicitation', arguments: { message: 'Who are you?' } });
  assert.match(again.content[0].text, /ada@example\.com/);
  console.log(`ok ${label}: go on after that`);
}
