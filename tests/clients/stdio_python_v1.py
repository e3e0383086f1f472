"""The Python SDK 1.x starts the server itself, and works as a 2025-11-25 client."""

import sys
import time

import anyio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from python_v1 import ok, run_steps


async def main(command: str, *arguments: str) -> None:
    async with stdio_client(StdioServerParameters(command=command, args=list(arguments))) as (read, write):
        async with ClientSession(read, write) as session:
            opened = await session.initialize()
            assert opened.protocolVersion == "2025-11-25", opened
            assert opened.serverInfo.name == "calculator", opened
            ok("connect")
            await run_steps(session)
        begin = time.monotonic()
    elapsed = time.monotonic() - begin
    # The client waits 2 s before it sends a signal.
    assert elapsed < 1.5, f"closing took {elapsed:.3f} s"
    ok("close")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} COMMAND [ARGUMENT...]")
    anyio.run(main, *sys.argv[1:])
