"""The Python SDK 1.x: initialize, then work as a 2025-11-25 client."""

import json
import re
import sys
import time

import anyio
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ErrorData, ResourceTemplateReference
from pydantic import AnyUrl


def ok(step: str) -> None:
    print(f"ok legacy: {step}", flush=True)


async def error_of(call) -> ErrorData:
    """Awaits a call that must fail with a protocol error, and returns the error."""
    try:
        result = await call
    except McpError as error:
        return error.error
    raise AssertionError(f"expected a protocol error, got {result!r}")


async def run_steps(session: ClientSession) -> None:
    await session.send_ping()
    ok("ping")

    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert sorted(tools) == ["add", "countdown", "divide", "multiply", "subtract"], sorted(tools)
    assert sorted(tools["divide"].outputSchema["properties"]) == ["quotient", "remainder"]
    ok("list tools")

    result = await session.call_tool("add", {"a": 2, "b": 3})
    assert not result.isError, result
    assert [(block.type, block.text) for block in result.content] == [("text", "5")], result
    ok("call add")

    result = await session.call_tool("divide", {"a": 17, "b": 5})
    assert not result.isError, result
    assert result.structuredContent == {"quotient": 3, "remainder": 2}, result
    assert json.loads(result.content[0].text) == result.structuredContent
    ok("call divide, structured output")

    result = await session.call_tool("divide", {"a": 1, "b": 0})
    assert result.isError and "zero" in result.content[0].text.lower(), result
    ok("divide by zero is a tool error")

    result = await session.call_tool("add", {"a": "x", "b": 1})
    text = result.content[0].text
    assert result.isError and re.search(r"\ba\b|integer", text), result
    ok("wrong argument type is a tool error")

    error = await error_of(session.call_tool("no_such_tool", {}))
    assert error.code == -32602, error
    ok("unknown tool is a protocol error")

    seen: list[tuple[float, float]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, time.monotonic()))

    result = await session.call_tool("countdown", {"from": 3, "delay_ms": 200}, progress_callback=on_progress)
    end = time.monotonic()
    assert not result.isError, result
    values = [value for value, _ in seen]
    assert len(values) >= 3 and all(a < b for a, b in zip(values, values[1:])), values
    # Batched notifications would all arrive together with the result.
    assert end - seen[0][1] >= 0.1, f"first progress only {end - seen[0][1]:.3f} s before the result"
    ok("progress while countdown runs")

    templates = (await session.list_resource_templates()).resourceTemplates
    assert [template.uriTemplate for template in templates] == ["calculator://constants/{name}"], templates
    ok("list resource templates")

    contents = (await session.read_resource(AnyUrl("calculator://constants/pi"))).contents
    assert len(contents) == 1 and contents[0].text.startswith("3.14"), contents
    ok("read a template resource")

    missing = "calculator://constants/no_such_constant"
    error = await error_of(session.read_resource(AnyUrl(missing)))
    assert error.code == -32002 and error.data["uri"] == missing, error
    ok("an unknown resource is a protocol error")

    prompts = (await session.list_prompts()).prompts
    assert [prompt.name for prompt in prompts] == ["explain_calculation"], prompts
    assert [(arg.name, arg.required) for arg in prompts[0].arguments] == [("expression", True)], prompts
    ok("list prompts")

    messages = (await session.get_prompt("explain_calculation", {"expression": "6 * 7"})).messages
    assert len(messages) == 1 and messages[0].role == "user", messages
    assert "6 * 7" in messages[0].content.text, messages
    ok("get a prompt")

    error = await error_of(session.get_prompt("explain_calculation", {}))
    assert error.code == -32602, error
    ok("a prompt without its argument is a protocol error")

    template = ResourceTemplateReference(type="ref/resource", uri="calculator://constants/{name}")
    values = (await session.complete(template, {"name": "name", "value": "p"})).completion.values
    assert {"pi", "phi"} <= set(values) and all(value.startswith("p") for value in values), values
    ok("complete an argument")


async def main(url: str) -> None:
    async with streamable_http_client(url) as (read, write, session_id):
        async with ClientSession(read, write) as session:
            opened = await session.initialize()
            assert opened.protocolVersion == "2025-11-25", opened
            assert opened.serverInfo.name == "calculator", opened
            assert session_id() is None, "a server without sessions minted a session id"
            ok("connect")
            await run_steps(session)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} URL")
    anyio.run(main, sys.argv[1])
