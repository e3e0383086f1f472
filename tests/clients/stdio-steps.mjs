// What every TypeScript client does with a server that it starts itself, besides the steps of the calculator.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Where a response comes in the same piece of the stream as a notification before it, the SDKs take the response first
 * and drop the notification. That it was sent is checked on the wire.
 */
export const LEAST_PROGRESS = 2;

/** The server to start, the script's arguments. */
export function serverArguments() {
  const [command, ...args] = process.argv.slice(2);
  if (command === undefined) {
    console.error(`usage: node ${process.argv[1]} COMMAND [ARGUMENT...]`);
    process.exit(2);
  }
  return { command, args };
}

/** Cancels a countdown and closes the connection; `callTool` is as for the calculator's steps. */
export async function cancelAndClose(label, client, callTool) {
  const seen = [];
  const controller = new AbortController();
  const counting = callTool(
    { name: 'countdown', arguments: { from: 1000, delay_ms: 20 } },
    {
      signal: controller.signal,
      onprogress: ({ progress }) => {
        seen.push(progress);
        if (seen.length === 3) controller.abort('the test has seen enough');
      },
    },
  );
  await assert.rejects(counting, /enough|abort/i);
  await sleep(300);
  // A handler that went on would be at 18 by now.
  assert.ok(seen.length < 6, `${seen.length} progress notifications`);
  console.log(`ok ${label}: cancel a countdown`);

  const sum = await callTool({ name: 'add', arguments: { a: 40, b: 2 } });
  assert.equal(sum.content[0].text, '42');
  console.log(`ok ${label}: go on after a cancellation`);

  // Still counting when the connection is closed: the process must not wait for that.
  const left = callTool({ name: 'countdown', arguments: { from: 1000, delay_ms: 100 } }).catch((error) => error);
  await sleep(100);
  const begin = performance.now();
  await client.close();
  const elapsed = performance.now() - begin;
  // The client waits 2 s before it sends a signal.
  assert.ok(elapsed < 1500, `closing took ${elapsed} ms`);
  assert.ok((await left) instanceof Error);
  console.log(`ok ${label}: close`);
}
