// The calculator's tools on the TypeScript SDK: made once, answering in JSON.
import { McpServer, createMcpHandler } from "@modelcontextprotocol/server";
import { z } from "zod";

const annotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false };
const pair = z.strictObject({ a: z.int(), b: z.int() });
const countdown = z.strictObject({
  from: z.int().min(0).describe("Where to start."),
  delay_ms: z.int().min(0).describe("How long to wait before each step, in milliseconds."),
});
const text = (value) => ({ content: [{ type: "text", text: String(value) }] });

const tools = [
  ["add", "Add two integers.", pair, ({ a, b }) => text(a + b)],
  ["subtract", "Subtract `b` from `a`.", pair, ({ a, b }) => text(a - b)],
  ["multiply", "Multiply two integers.", pair, ({ a, b }) => text(a * b)],
  ["divide", "Divide `a` by `b`, with a remainder.", pair, ({ a, b }) => text(Math.trunc(a / b))],
  ["countdown", "Count down to zero, and report progress at each step.", countdown, ({ from }) => text(from)],
];

function server() {
  const calculator = new McpServer({ name: "calculator", version: "0.1.0" });
  for (const [name, description, inputSchema, handler] of tools) {
    calculator.registerTool(name, { description, inputSchema, annotations }, handler);
  }
  return calculator;
}

export const handler = createMcpHandler(server, { responseMode: "json" });
