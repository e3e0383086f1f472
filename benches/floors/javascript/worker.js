// The least in JavaScript: one tools/call, parsed and answered by hand.
export default {
  async fetch(request) {
    const { jsonrpc, id, method, params } = await request.json();
    const known = jsonrpc === "2.0" && method === "tools/call" && params.name === "add";
    if (!known) return new Response("not a call", { status: 400 });
    const text = String(params.arguments.a + params.arguments.b);
    const result = {
      content: [{ type: "text", text }],
      resultType: "complete",
      _meta: { "io.modelcontextprotocol/serverInfo": { name: "calculator", title: "Calculator", version: "0.1.0" } },
    };
    const headers = { "content-type": "application/json" };
    return new Response(JSON.stringify({ jsonrpc: "2.0", id, result }), { headers });
  },
};
