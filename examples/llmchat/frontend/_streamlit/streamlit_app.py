"""The chat page. It reaches the backend by its service name in the Compose file."""

import json
import os
from collections.abc import Iterator

import httpx
import streamlit as st

BACKEND = os.environ.get("BACKEND_URL", "http://python-app-backend:8010")


def answer(messages: list[dict]) -> Iterator[str]:
    """The reply's pieces as they arrive."""
    request = {"messages": messages, "stream": True}
    timeout = httpx.Timeout(10, read=300)
    with httpx.stream("POST", f"{BACKEND}/v1/chat/completions", json=request, timeout=timeout) as response:
        if response.is_error:
            response.read()
            raise RuntimeError(f"{response.status_code}: {response.text}")
        for line in response.iter_lines():
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or data == "[DONE]":
                continue
            for choice in json.loads(data)["choices"]:
                yield choice["delta"].get("content") or ""


st.set_page_config(page_title="llmchat", page_icon="💬")
st.title("llmchat")

history: list[dict] = st.session_state.setdefault("messages", [])
for message in history:
    st.chat_message(message["role"]).write(message["content"])

if prompt := st.chat_input("Say something"):
    history.append({"role": "user", "content": prompt})
    st.chat_message("user").write(prompt)
    try:
        reply = st.chat_message("assistant").write_stream(answer(history))
        history.append({"role": "assistant", "content": reply})
    except (httpx.HTTPError, RuntimeError) as error:
        history.pop()
        st.error(f"The backend did not answer: {error}")
