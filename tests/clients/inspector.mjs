// The MCP Inspector's command line, once a step, as a 2025-11-25 and as a 2026-07-28 client: of a server at a URL, or of
// one that it starts itself.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOOL_ERROR = 5; // the Inspector's exit code for isError and for a tool that is not listed
const inspector = fileURLToPath(new URL('./node_modules/.bin/mcp-inspector', import.meta.url));
const [server, ...rest] = process.argv.slice(2);
if (server === undefined || rest.length > 0) {
  console.error(`usage: node ${process.argv[1]} URL|COMMAND`);
  process.exit(2);
}
const transport = server.startsWith('http') ? 'http' : 'stdio';

/** Runs one command; the Inspector's own files go to a home folder that is thrown away. */
function inspect(home, era, args) {
  const command = [inspector, '--cli', server, '--transport', transport, '--protocol-era', era, '--format', 'json', ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, command, {
      env: { ...process.env, HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => { stdout += chunk; });
    child.stderr.on('data', (chunk) => { stderr += chunk; });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function runEra(home, era, version) {
  const run = (...args) => inspect(home, era, args);
  const result = async (...args) => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, `${args.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`);
    return JSON.parse(stdout).result;
  };
  const ok = (step) => console.log(`ok ${era}: ${step}`);

  const opened = await result('--method', 'initialize');
  assert.equal(opened.protocolVersion, version);
  assert.equal(opened.serverInfo.name, 'calculator');
  ok('connect');

  // --strict: exit code 6 for a schema that clients would have trouble with.
  const { tools } = await result('--method', 'tools/list', '--strict');
  assert.deepEqual(tools.map((tool) => tool.name).sort(), ['add', 'countdown', 'divide', 'multiply', 'subtract']);
  ok('list tools');

  const sum = await result('--method', 'tools/call', '--tool-name', 'add', '--tool-arg', 'a=2', 'b=3');
  assert.deepEqual(sum.content.map(({ text }) => text), ['5']);
  ok('call add');

  const divide = (b) => ['--method', 'tools/call', '--tool-name', 'divide', '--tool-args-json', JSON.stringify({ a: 17, b })];
  const { structuredContent } = await result(...divide(5));
  assert.deepEqual(structuredContent, { quotient: 3, remainder: 2 });
  ok('call divide, structured output');

  const byZero = await run(...divide(0));
  assert.equal(byZero.code, TOOL_ERROR, byZero.stderr);
  const refused = JSON.parse(byZero.stdout).result;
  assert.equal(refused.isError, true);
  assert.match(refused.content[0].text, /zero/i);
  ok('divide by zero is a tool error');

  const wrongType = await run('--method', 'tools/call', '--tool-name', 'add', '--tool-args-json', '{"a":"x","b":1}');
  assert.equal(wrongType.code, TOOL_ERROR, wrongType.stderr);
  assert.equal(JSON.parse(wrongType.stdout).result.isError, true);
  ok('wrong argument type is a tool error');

  const unknown = await run('--method', 'tools/call', '--tool-name', 'no_such_tool');
  assert.equal(unknown.code, TOOL_ERROR, unknown.stdout);
  assert.match(unknown.stderr, /no_such_tool/);
  ok('unknown tool fails');

  const counted = await result('--method', 'tools/call', '--tool-name', 'countdown', '--tool-arg', 'from=2', 'delay_ms=50');
  assert.ok(!counted.isError, JSON.stringify(counted));
  ok('call countdown, a streamed answer');

  const { resourceTemplates } = await result('--method', 'resources/templates/list');
  assert.deepEqual(resourceTemplates.map((template) => template.uriTemplate), ['calculator://constants/{name}']);
  ok('list resource templates');

  const { contents } = await result('--method', 'resources/read', '--uri', 'calculator://constants/pi');
  assert.match(contents[0].text, /^3\.14/);
  ok('read a template resource');

  const missing = await run('--method', 'resources/read', '--uri', 'calculator://constants/no_such_constant');
  assert.notEqual(missing.code, 0, missing.stdout);
  assert.ok(JSON.parse(missing.stderr).error, missing.stderr);
  ok('an unknown resource fails');

  const { prompts } = await result('--method', 'prompts/list');
  assert.deepEqual(prompts.map((prompt) => prompt.name), ['explain_calculation']);
  ok('list prompts');

  const { messages } = await result(
    '--method', 'prompts/get', '--prompt-name', 'explain_calculation', '--prompt-args', 'expression=6 * 7',
  );
  assert.equal(messages.length, 1);
  assert.equal(messages[0].role, 'user');
  assert.ok(messages[0].content.text.includes('6 * 7'));
  ok('get a prompt');
}

const home = await mkdtemp(join(tmpdir(), 'pmcp-inspector-'));
try {
  await Promise.all([runEra(home, 'legacy', '2025-11-25'), runEra(home, 'modern', '2026-07-28')]);
} finally {
  await rm(home, { recursive: true, force: true });
}
