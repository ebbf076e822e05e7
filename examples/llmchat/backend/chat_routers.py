"""The chat backend: an OpenAI-compatible front for whatever model `.env` names.

With no endpoint named it answers by echoing, so that the whole app can be tried without a model.
"""

import json
import re
import time
import uuid
from collections.abc import AsyncIterator

import httpx
import uvicorn
from dotenv import dotenv_values
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict

PORT = 8010
ECHO_MODEL = "echo"
UPSTREAM_TIMEOUT = httpx.Timeout(10, read=300)

app = FastAPI(title="llmchat backend")


class Settings(BaseModel):
    base_url: str = ""
    api_key: str = ""
    model: str = ""

    @classmethod
    def load(cls) -> "Settings":
        """Read per request: an edited `.env` counts at once, without a restart."""
        values = dotenv_values("/app/.env")
        return cls(
            base_url=(values.get("OPENAI_BASE_URL") or "").rstrip("/"),
            api_key=values.get("OPENAI_API_KEY") or "",
            model=values.get("MODEL") or "",
        )

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


class Message(BaseModel):
    model_config = ConfigDict(extra="allow")
    role: str
    content: str | list | None = None


class ChatRequest(BaseModel):
    """What this app uses is named; everything else travels through to the endpoint untouched."""

    model_config = ConfigDict(extra="allow")
    messages: list[Message]
    model: str | None = None
    stream: bool = False


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    settings = Settings.load()
    answers = "the endpoint in .env" if settings.base_url else "the built-in echo"
    return (
        "<!doctype html><title>llmchat backend</title><h1>llmchat backend</h1>"
        f"<p>Answers come from {answers}. Try <a href='/docs'>/docs</a>.</p>"
    )


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok", "answers": "upstream" if Settings.load().base_url else ECHO_MODEL}


@app.post("/v1/chat/completions")
async def chat(request: ChatRequest) -> Response:
    settings = Settings.load()
    if not settings.base_url:
        return echo(request)
    body = request.model_dump(exclude_none=True)
    body["model"] = request.model or settings.model
    return await forward(settings, body)


async def forward(settings: Settings, body: dict) -> Response:
    """Send the request on; the answer, streamed or whole, comes back as the endpoint sent it."""
    client = httpx.AsyncClient(timeout=UPSTREAM_TIMEOUT)
    url = f"{settings.base_url}/chat/completions"
    try:
        upstream = await client.send(
            client.build_request("POST", url, json=body, headers=settings.headers), stream=True
        )
    except httpx.HTTPError as error:
        await client.aclose()
        message = f"cannot reach {settings.base_url}: {error or type(error).__name__}"
        return JSONResponse({"error": {"message": message, "type": "upstream_error"}}, status_code=502)

    async def relay() -> AsyncIterator[bytes]:
        try:
            async for chunk in upstream.aiter_bytes():
                yield chunk
        finally:
            await upstream.aclose()
            await client.aclose()

    return StreamingResponse(
        relay(),
        status_code=upstream.status_code,
        media_type=upstream.headers.get("content-type", "application/json"),
    )


def echo(request: ChatRequest) -> Response:
    asked = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
    text = f"echo: {asked if isinstance(asked, str) else json.dumps(asked, ensure_ascii=False)}"
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": ECHO_MODEL}
    if request.stream:
        return StreamingResponse(echo_events(head, text), media_type="text/event-stream")
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return JSONResponse({**head, "object": "chat.completion", "choices": [choice]})


def echo_events(head: dict, text: str):
    """The answer word by word, as server-sent events in the shape of OpenAI's API."""

    def event(delta: dict, finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
        return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"

    yield event({"role": "assistant", "content": ""})
    for piece in re.findall(r"\s*\S+|\s+", text):
        yield event({"content": piece})
    yield event({}, finish="stop")
    yield "data: [DONE]\n\n"


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=PORT)
