// The official host of MCP Apps shows the loan's view: the page runs in jsdom, the frame's messages go through the
// host's AppBridge, and what the view calls goes through the TypeScript client to the server.
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  AppBridge, McpUiResourceMetaSchema, McpUiToolMetaSchema, PostMessageTransport, RESOURCE_MIME_TYPE,
  getToolUiResourceUri, isToolVisibilityAppOnly,
} from '@modelcontextprotocol/ext-apps/app-bridge';
import { JSDOM, VirtualConsole } from 'jsdom';

const UI = 'io.modelcontextprotocol/ui';
const url = new URL(process.argv[2]);
// The bridge says every message that it sends.
console.debug = () => {};

async function connect(mode) {
  const capabilities = { extensions: { [UI]: { mimeTypes: [RESOURCE_MIME_TYPE] } } };
  const client = new Client({ name: 'apps', version: '1.0.0' }, { capabilities, versionNegotiation: { mode } });
  const called = [];
  const recording = (input, init) => {
    const message = init?.body && JSON.parse(init.body);
    if (message?.method === 'tools/call') called.push(message.params);
    return fetch(input, init);
  };
  await client.connect(new StreamableHTTPClientTransport(url, { fetch: recording }));
  return { client, called };
}

async function until(what, holds) {
  for (let waited = 0; !holds(); waited += 10) {
    assert.ok(waited < 5000, `it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Sends a message to a window, in a later turn. jsdom does not say who sent it, so it is said here. */
function deliver(data, to, source) {
  const copy = structuredClone(data);
  setTimeout(() => {
    const event = new (to().MessageEvent)('message', { data: copy });
    Object.defineProperty(event, 'source', { value: source() });
    to().dispatchEvent(event);
  });
}

/** A page of the host, and the view in it. */
function open(html) {
  const errors = [];
  const virtualConsole = new VirtualConsole().on('jsdomError', (error) => errors.push(error));
  const page = new JSDOM('<!doctype html>', { virtualConsole }).window;
  const parent = { postMessage: (data) => deliver(data, () => page, () => view) };
  const beforeParse = (window) => Object.defineProperty(window, 'parent', { value: parent });
  // Its script runs, and sends, before the constructor returns.
  const view = new JSDOM(html, { runScripts: 'dangerously', virtualConsole, beforeParse }).window;
  view.postMessage = (data) => deliver(data, () => view, () => parent);
  globalThis.window = page;
  return { view, errors };
}

async function showLoan(label, mode) {
  const { client, called } = await connect(mode);
  assert.deepEqual(client.getServerCapabilities().extensions[UI], {});
  console.log(`ok ${label}: the extension is declared`);

  const { tools } = await client.listTools();
  const loan = tools.find(({ name }) => name === 'loan');
  const balances = tools.find(({ name }) => name === 'balances');
  for (const tool of [loan, balances]) McpUiToolMetaSchema.parse(tool._meta.ui);
  assert.ok(isToolVisibilityAppOnly(balances) && !isToolVisibilityAppOnly(loan));
  const uri = getToolUiResourceUri(loan);
  const listed = (await client.listResources()).resources.find((resource) => resource.uri === uri);
  assert.equal(listed.mimeType, RESOURCE_MIME_TYPE);
  const { contents: [content] } = await client.readResource({ uri });
  assert.equal(content.mimeType, RESOURCE_MIME_TYPE);
  assert.deepEqual(McpUiResourceMetaSchema.parse(content._meta.ui), { prefersBorder: true });
  console.log(`ok ${label}: the tool leads to its view`);

  const { view, errors } = open(content.text);
  const text = (id) => view.document.getElementById(id).textContent;
  const host = { openLinks: {}, serverTools: {}, updateModelContext: { text: {} } };
  const hostContext = { theme: 'dark', locale: 'de-DE', styles: { variables: { '--font-sans': 'Host Sans' } } };
  const bridge = new AppBridge(client, { name: 'host', version: '1.0.0' }, host, { hostContext });
  const told = [];
  const sizes = [];
  bridge.onsizechange = (size) => sizes.push(size);
  bridge.onupdatemodelcontext = async (context) => { told.push(context); return {}; };
  const initialized = new Promise((resolve) => { bridge.oninitialized = resolve; });
  await bridge.connect(new PostMessageTransport(view, view));
  await initialized;
  assert.deepEqual(bridge.getAppVersion(), { name: 'loan-view', version: '1.0.0' });
  assert.deepEqual(bridge.getAppCapabilities(), { availableDisplayModes: ['inline'] });
  assert.equal(view.document.documentElement.style.colorScheme, 'dark');
  assert.equal(view.document.documentElement.style.getPropertyValue('--font-sans'), 'Host Sans');
  await until('a size', () => sizes.length > 0);
  console.log(`ok ${label}: the view shook hands`);

  const figures = { amount: 300000, rate: 4.5, years: 30 };
  await bridge.sendToolInput({ arguments: figures });
  const form = view.document.querySelector('form');
  await until('the figures in the form', () => form.elements.years.value === '30');
  await bridge.sendToolResult(await client.callTool({ name: 'loan', arguments: figures }));
  await until('the result', () => text('monthly') === '1.520,06');
  console.log(`ok ${label}: the view shows the call and its result`);

  const line = () => view.document.querySelector('polyline').getAttribute('points');
  await until('the line', () => line() !== '');
  assert.deepEqual(called.map(({ name }) => name), ['loan', 'balances']);
  assert.deepEqual(called[1].arguments, figures);
  assert.match(line(), /^0,0 .* 100,100$/);
  console.log(`ok ${label}: the view asked the server through the host`);

  form.elements.rate.value = '0';
  form.elements.rate.dispatchEvent(new view.Event('change', { bubbles: true }));
  await until('the new result', () => text('monthly') === '833,33');
  await until('word to the model', () => told.length > 0);
  assert.equal(text('interest'), '0,00');
  assert.match(told[0].content[0].text, /the person changed the loan to .*"rate":0/);
  console.log(`ok ${label}: the person tried other figures, and the model was told`);

  await bridge.sendToolResult({ content: [{ type: 'text', text: 'A loan is paid back in 1 to 50 years.' }], isError: true });
  await until('the error', () => text('problem').includes('1 to 50 years'));
  await bridge.sendToolCancelled({ reason: 'Enough.' });
  await until('the end', () => text('problem') === 'Enough.');
  bridge.setHostContext({ ...hostContext, theme: 'light' });
  await until('the other theme', () => view.document.documentElement.style.colorScheme === 'light');
  assert.deepEqual(await bridge.teardownResource({}), {});
  await assert.rejects(bridge.callTool({ name: 'anything' }), /no tools\/call/);
  assert.deepEqual(errors, []);
  console.log(`ok ${label}: errors, a cancellation, another theme and the end`);
  await bridge.close();
  view.close();
  await client.close();
}

await showLoan('modern', { pin: '2026-07-28' });
await showLoan('legacy', 'legacy');
