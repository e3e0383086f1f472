"""The Python SDK 2.x: discover and work as a 2026-07-28 client, then over the initialize handshake."""

import json
import re
import sys
import time

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import ResourceTemplateReference

MODERN = "2026-07-28"


def ok(era: str, step: str) -> None:
    print(f"ok {era}: {step}", flush=True)


async def error_of(call) -> MCPError:
    """Awaits a call that must fail with a protocol error, and returns the error."""
    try:
        result = await call
    except MCPError as error:
        return error
    raise AssertionError(f"expected a protocol error, got {result!r}")


async def run_steps(client: Client, era: str) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert sorted(tools) == ["add", "countdown", "divide", "multiply", "subtract"], sorted(tools)
    assert sorted(tools["divide"].output_schema["properties"]) == ["quotient", "remainder"]
    ok(era, "list tools")

    result = await client.call_tool("add", {"a": 2, "b": 3})
    assert not result.is_error, result
    assert [(block.type, block.text) for block in result.content] == [("text", "5")], result
    ok(era, "call add")

    result = await client.call_tool("divide", {"a": 17, "b": 5})
    assert not result.is_error, result
    assert result.structured_content == {"quotient": 3, "remainder": 2}, result
    assert json.loads(result.content[0].text) == result.structured_content
    ok(era, "call divide, structured output")

    result = await client.call_tool("divide", {"a": 1, "b": 0})
    assert result.is_error and "zero" in result.content[0].text.lower(), result
    ok(era, "divide by zero is a tool error")

    result = await client.call_tool("add", {"a": "x", "b": 1})
    text = result.content[0].text
    assert result.is_error and re.search(r"\ba\b|integer", text), result
    ok(era, "wrong argument type is a tool error")

    error = await error_of(client.call_tool("no_such_tool", {}))
    assert error.code == -32602, error.error
    ok(era, "unknown tool is a protocol error")

    seen: list[tuple[float, float]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, time.monotonic()))

    result = await client.call_tool("countdown", {"from": 3, "delay_ms": 200}, progress_callback=on_progress)
    end = time.monotonic()
    assert not result.is_error, result
    values = [value for value, _ in seen]
    assert len(values) >= 3 and all(a < b for a, b in zip(values, values[1:])), values
    # Batched notifications would all arrive together with the result.
    assert end - seen[0][1] >= 0.1, f"first progress only {end - seen[0][1]:.3f} s before the result"
    ok(era, "progress while countdown runs")

    templates = (await client.list_resource_templates()).resource_templates
    assert [template.uri_template for template in templates] == ["calculator://constants/{name}"], templates
    ok(era, "list resource templates")

    contents = (await client.read_resource("calculator://constants/pi")).contents
    assert len(contents) == 1 and contents[0].text.startswith("3.14"), contents
    ok(era, "read a template resource")

    missing = "calculator://constants/no_such_constant"
    error = await error_of(client.read_resource(missing))
    assert error.code == (-32602 if era == "modern" else -32002), error.error
    assert error.data["uri"] == missing, error.error
    ok(era, "an unknown resource is a protocol error")

    prompts = (await client.list_prompts()).prompts
    assert [prompt.name for prompt in prompts] == ["explain_calculation"], prompts
    assert [(arg.name, arg.required) for arg in prompts[0].arguments] == [("expression", True)], prompts
    ok(era, "list prompts")

    messages = (await client.get_prompt("explain_calculation", {"expression": "6 * 7"})).messages
    assert len(messages) == 1 and messages[0].role == "user", messages
    assert "6 * 7" in messages[0].content.text, messages
    ok(era, "get a prompt")

    error = await error_of(client.get_prompt("explain_calculation", {}))
    assert error.code == -32602, error.error
    ok(era, "a prompt without its argument is a protocol error")

    template = ResourceTemplateReference(uri="calculator://constants/{name}")
    values = (await client.complete(template, {"name": "name", "value": "p"})).completion.values
    assert {"pi", "phi"} <= set(values) and all(value.startswith("p") for value in values), values
    ok(era, "complete an argument")


async def run_era(url: str, mode: str, era: str, version: str, first_method: str) -> None:
    sent: list[tuple[str | None, str | None]] = []

    async def record(request: httpx2.Request) -> None:
        body = json.loads(request.content) if request.content else {}
        sent.append((body.get("method"), request.headers.get("mcp-protocol-version")))

    async with httpx2.AsyncClient(timeout=20, event_hooks={"request": [record]}) as http_client:
        async with Client(streamable_http_client(url, http_client=http_client), mode=mode) as client:
            assert client.protocol_version == version, client.protocol_version
            assert client.server_info.name == "calculator", client.server_info
            ok(era, "connect")
            await run_steps(client, era)

    # The API's word is not enough: look at what went over the wire.
    assert sent[0][0] == first_method, sent[0]
    if era == "modern":
        assert all(header == MODERN for _, header in sent), sent
    else:
        assert all(header != MODERN for _, header in sent), sent
    ok(era, "every request was of this era")


async def main(url: str) -> None:
    await run_era(url, "auto", "modern", MODERN, "server/discover")
    await run_era(url, "legacy", "legacy", "2025-11-25", "initialize")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} URL")
    anyio.run(main, sys.argv[1])
