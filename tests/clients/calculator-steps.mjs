// What every TypeScript client does with the calculator server, step by step.
import assert from 'node:assert/strict';

/**
 * Runs all steps and prints one line for each.
 *
 * `client` is a connected SDK client; `callTool(params, options)` hides where the two SDK
 * generations take the request options; `missingResource` is the error code that the client shows
 * for a resource that is not there; `leastProgress` is how many of three reports the client shows at the least.
 */
export async function runCalculatorSteps(label, client, callTool, missingResource, leastProgress = 3) {
  const step = async (name, body) => {
    await body();
    console.log(`ok ${label}: ${name}`);
  };

  await step('list tools', async () => {
    const { tools } = await client.listTools();
    const names = tools.map((tool) => tool.name).sort();
    assert.deepEqual(names, ['add', 'countdown', 'divide', 'multiply', 'subtract']);
    const divide = tools.find((tool) => tool.name === 'divide');
    assert.equal(divide.outputSchema?.type, 'object');
    assert.deepEqual(Object.keys(divide.outputSchema.properties).sort(), ['quotient', 'remainder']);
    for (const tool of tools) {
      assert.equal(tool.inputSchema.type, 'object', tool.name);
    }
  });

  await step('call add', async () => {
    const result = await callTool({ name: 'add', arguments: { a: 2, b: 3 } });
    assert.ok(!result.isError, JSON.stringify(result));
    assert.deepEqual(result.content.map(({ type, text }) => ({ type, text })), [{ type: 'text', text: '5' }]);
  });

  await step('call divide, structured output', async () => {
    const result = await callTool({ name: 'divide', arguments: { a: 17, b: 5 } });
    assert.ok(!result.isError, JSON.stringify(result));
    assert.deepEqual(result.structuredContent, { quotient: 3, remainder: 2 });
    assert.deepEqual(JSON.parse(result.content[0].text), { quotient: 3, remainder: 2 });
  });

  await step('divide by zero is a tool error', async () => {
    const result = await callTool({ name: 'divide', arguments: { a: 1, b: 0 } });
    assert.equal(result.isError, true);
    assert.match(result.content[0].text, /zero/i);
  });

  await step('wrong argument type is a tool error', async () => {
    const result = await callTool({ name: 'add', arguments: { a: 'x', b: 1 } });
    assert.equal(result.isError, true);
    assert.match(result.content[0].text, /\ba\b|integer/);
  });

  await step('unknown tool is a protocol error', async () => {
    await assert.rejects(callTool({ name: 'no_such_tool', arguments: {} }), (error) => {
      assert.equal(error.code, -32602, String(error));
      return true;
    });
  });

  await step('progress while countdown runs', async () => {
    const seen = [];
    const result = await callTool(
      { name: 'countdown', arguments: { from: 3, delay_ms: 200 } },
      { onprogress: (progress) => seen.push({ value: progress.progress, at: performance.now() }) },
    );
    const end = performance.now();
    assert.ok(!result.isError, JSON.stringify(result));
    assert.ok(seen.length >= leastProgress, `${seen.length} progress notifications`);
    for (let i = 1; i < seen.length; i += 1) {
      assert.ok(seen[i].value > seen[i - 1].value, JSON.stringify(seen));
    }
    // Batched notifications would all arrive together with the result.
    assert.ok(end - seen[0].at >= 100, `first progress only ${end - seen[0].at} ms before the result`);
  });

  await step('list resource templates', async () => {
    const { resourceTemplates } = await client.listResourceTemplates();
    assert.deepEqual(resourceTemplates.map((template) => template.uriTemplate), ['calculator://constants/{name}']);
  });

  await step('read a template resource', async () => {
    const { contents } = await client.readResource({ uri: 'calculator://constants/pi' });
    assert.equal(contents.length, 1);
    assert.equal(contents[0].uri, 'calculator://constants/pi');
    assert.match(contents[0].text, /^3\.14/);
  });

  await step('an unknown resource is a protocol error', async () => {
    const missing = 'calculator://constants/no_such_constant';
    await assert.rejects(client.readResource({ uri: missing }), (error) => {
      assert.equal(error.code, missingResource, String(error));
      assert.equal(error.data?.uri, missing);
      return true;
    });
  });

  await step('list prompts', async () => {
    const { prompts } = await client.listPrompts();
    assert.deepEqual(prompts.map((prompt) => prompt.name), ['explain_calculation']);
    assert.deepEqual(
      prompts[0].arguments.map(({ name, required }) => ({ name, required })),
      [{ name: 'expression', required: true }],
    );
  });

  await step('get a prompt', async () => {
    const { messages } = await client.getPrompt({
      name: 'explain_calculation',
      arguments: { expression: '6 * 7' },
    });
    assert.equal(messages.length, 1);
    assert.equal(messages[0].role, 'user');
    assert.ok(messages[0].content.text.includes('6 * 7'), messages[0].content.text);
  });

  await step('a prompt without its argument is a protocol error', async () => {
    await assert.rejects(client.getPrompt({ name: 'explain_calculation', arguments: {} }), (error) => {
      assert.equal(error.code, -32602, String(error));
      return true;
    });
  });

  await step('complete an argument', async () => {
    const { completion } = await client.complete({
      ref: { type: 'ref/resource', uri: 'calculator://constants/{name}' },
      argument: { name: 'name', value: 'p' },
    });
    assert.ok(completion.values.includes('pi'), JSON.stringify(completion));
    assert.ok(completion.values.includes('phi'), JSON.stringify(completion));
    assert.ok(completion.values.every((value) => value.startsWith('p')), JSON.stringify(completion));
  });
}

/** A `fetch` that also records what was sent, so that a script can assert the era on the wire. */
export function recordingFetch() {
  const sent = [];
  const fetchAndRecord = async (input, init = {}) => {
    const request = new Request(input, init);
    const body = request.method === 'POST' ? await request.clone().json() : undefined;
    sent.push({
      verb: request.method,
      method: body?.method,
      version: request.headers.get('mcp-protocol-version'),
      mcpMethod: request.headers.get('mcp-method'),
      meta: body?.params?._meta ?? {},
    });
    return fetch(request);
  };
  return { sent, fetch: fetchAndRecord };
}

/** The URL under test, the script's only argument. */
export function urlArgument() {
  const [url, ...rest] = process.argv.slice(2);
  if (url === undefined || rest.length > 0) {
    console.error(`usage: node ${process.argv[1]} URL`);
    process.exit(2);
  }
  return new URL(url);
}
