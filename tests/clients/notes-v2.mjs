// The TypeScript SDK of the second generation with notes that are kept in D1, KV and R2: writes through each binding, and
// reads back what it wrote.
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { urlArgument } from './calculator-steps.mjs';

const client = new Client({ name: 'notes-v2', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StreamableHTTPClientTransport(urlArgument()));
assert.equal(client.getProtocolEra(), 'modern');

async function step(name, body) {
  await body();
  console.log(`ok ${name}`);
}

async function call(name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, JSON.stringify(result));
  return result;
}

async function read(uri) {
  const { contents } = await client.readResource({ uri });
  assert.equal(contents.length, 1);
  return contents[0];
}

await step('D1: write, find and read', async () => {
  await call('write_note', { name: 'list', text: 'Milk, "eggs" and 100% Öl' });
  await call('write_note', { name: 'list', text: 'Milk and 100% Öl' });
  const { structuredContent } = await call('find_notes', { text: '100%' });
  assert.deepEqual(structuredContent.notes.map(({ name, text }) => ({ name, text })), [
    { name: 'list', text: 'Milk and 100% Öl' },
  ]);
  assert.match(structuredContent.notes[0].changed, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.equal((await read('notes://list')).text, 'Milk and 100% Öl');
});

await step('KV: a shared copy stays as it was', async () => {
  const [{ text }] = (await call('share_note', { name: 'list' })).content;
  const [uri] = text.match(/shared:\/\/[0-9a-f]{32}/);
  await call('write_note', { name: 'list', text: 'Nothing' });
  assert.equal((await read(uri)).text, 'Milk and 100% Öl');
});

await step('R2: an attachment comes back byte for byte', async () => {
  const bytes = Buffer.alloc(1 << 20, Uint8Array.from({ length: 256 }, (_, index) => index));
  await call('attach_file', { note: 'list', file: 'all.bin', base64: bytes.toString('base64') });
  assert.ok(Buffer.from((await read('attachments://list/all.bin')).blob, 'base64').equals(bytes));
});

await step('removing a note removes what is attached to it', async () => {
  await call('remove_note', { name: 'list' });
  for (const uri of ['notes://list', 'attachments://list/all.bin']) {
    await assert.rejects(read(uri), (error) => error.code === -32602, uri);
  }
  assert.deepEqual((await call('find_notes', {})).structuredContent.notes, []);
});

await client.close();
