"""The Python SDK 1.x, in a session: it starts tasks, and answers what they ask."""

import sys

import anyio
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult

RELATED_TASK = "io.modelcontextprotocol/related-task"


def ok(step: str) -> None:
    print(f"ok {step}", flush=True)


async def run_steps(session: ClientSession, asked: list[tuple[str, str]]) -> None:
    tasks = session.experimental

    async def follow(name: str, arguments: dict) -> tuple[str, list[str], CallToolResult]:
        task_id = (await tasks.call_tool_as_task(name, arguments)).task.taskId
        statuses = []
        async for task in tasks.poll_task(task_id):
            statuses.append(task.status)
            if task.status == "input_required":
                break
        return task_id, statuses, await tasks.get_task_result(task_id, CallToolResult)

    task_id, statuses, result = await follow("slow_compute", {"seconds": 1, "label": "The sum"})
    assert result.content[0].text == "The sum took 1 s", result
    assert result.meta[RELATED_TASK]["taskId"] == task_id, result
    assert (statuses[0], statuses[-1]) == ("working", "completed"), statuses
    ok("a task")

    task_id, statuses, result = await follow("confirm_delete", {"filename": "old.txt"})
    assert result.content[0].text == "old.txt is deleted", result
    assert statuses[-1] == "input_required", statuses
    assert asked == [("Delete old.txt?", task_id)], asked
    ok("a task that asks")

    task_id = (await tasks.call_tool_as_task("slow_compute", {"seconds": 60})).task.taskId
    assert (await tasks.cancel_task(task_id)).status == "cancelled"
    assert (await tasks.get_task(task_id)).status == "cancelled"
    ok("a task that is cancelled")


async def main(url: str) -> None:
    asked: list[tuple[str, str]] = []

    async def elicit(_context, params: ElicitRequestParams) -> ElicitResult:
        meta = params.meta.model_dump() if params.meta else {}
        asked.append((params.message, meta.get(RELATED_TASK, {}).get("taskId")))
        return ElicitResult(action="accept", content={"confirm": True})

    async with streamable_http_client(url) as (read, write, _session_id):
        async with ClientSession(read, write, elicitation_callback=elicit) as session:
            opened = await session.initialize()
            assert opened.capabilities.tasks.requests.tools.call is not None, opened
            ok("connect")
            await run_steps(session, asked)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} URL")
    anyio.run(main, sys.argv[1])
