"""The calculator's tools on FastMCP: stateless, answering in JSON."""

import os

from fastmcp import FastMCP
from mcp.types import ToolAnnotations

calculator = FastMCP("calculator", version="0.1.0")
annotations = ToolAnnotations(readOnlyHint=True, idempotentHint=True, openWorldHint=False)


@calculator.tool(annotations=annotations)
def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@calculator.tool(annotations=annotations)
def subtract(a: int, b: int) -> int:
    """Subtract `b` from `a`."""
    return a - b


@calculator.tool(annotations=annotations)
def multiply(a: int, b: int) -> int:
    """Multiply two integers."""
    return a * b


@calculator.tool(annotations=annotations)
def divide(a: int, b: int) -> int:
    """Divide `a` by `b`, with a remainder."""
    return a // b


@calculator.tool(annotations=annotations)
def countdown(start: int, delay_ms: int) -> str:
    """Count down to zero, and report progress at each step."""
    return f"Counted down from {start}."


if __name__ == "__main__":
    calculator.run(
        transport="http",
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        path="/mcp",
        stateless_http=True,
        json_response=True,
        show_banner=False,
        log_level="error",
    )
