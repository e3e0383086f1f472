"""The Python SDK 2.x starts the server itself: as a 2026-07-28 client, then over the initialize handshake."""

import sys
import time

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from python import MODERN, ok, run_steps


async def cancel(client: Client, era: str) -> None:
    seen: list[float] = []

    async with anyio.create_task_group() as tasks:

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            seen.append(progress)
            if len(seen) == 3:
                tasks.cancel_scope.cancel()

        await client.call_tool("countdown", {"from": 1000, "delay_ms": 20}, progress_callback=on_progress)
        raise AssertionError("the countdown came to its end")

    await anyio.sleep(0.3)
    # A handler that went on would be at 18 by now.
    assert 3 <= len(seen) < 6, seen
    ok(era, "cancel a countdown")

    result = await client.call_tool("add", {"a": 40, "b": 2})
    assert result.content[0].text == "42", result
    ok(era, "go on after a cancellation")


async def run_era(server: StdioServerParameters, mode: str, era: str, version: str) -> None:
    async with Client(stdio_client(server), mode=mode) as client:
        assert client.protocol_version == version, client.protocol_version
        assert client.server_info.name == "calculator", client.server_info
        ok(era, "connect")
        await run_steps(client, era)
        await cancel(client, era)
        begin = time.monotonic()
    elapsed = time.monotonic() - begin
    # The client waits 2 s before it sends a signal.
    assert elapsed < 1.5, f"closing took {elapsed:.3f} s"
    ok(era, "close")


async def main(command: str, *arguments: str) -> None:
    server = StdioServerParameters(command=command, args=list(arguments))
    await run_era(server, "auto", "modern", MODERN)
    await run_era(server, "legacy", "legacy", "2025-11-25")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} COMMAND [ARGUMENT...]")
    anyio.run(main, *sys.argv[1:])
