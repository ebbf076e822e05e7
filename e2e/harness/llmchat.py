"""The tutorial's project and the images that it starts from, without Docker Hub and without waiting for pip.

The images stand in for those of the same name: a busybox on which `python`, `pip`, `streamlit` and `nginx` are shell
scripts. The project's `.py` files are shell scripts, too. What a container engine does with them is the same;
`make demo` builds and runs the real application.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from .images import add, busybox_tar

PYTHON = """#!/bin/sh
# Stands in for Python.
if [ "$1" = -m ]; then
    echo "Ran the stand-in of: python $*"
    exit
fi
exec sh "$@"
"""
PIP = """#!/bin/sh
# Stands in for pip: remembers what was asked for.
[ "$1" = install ] || exit 2
shift
[ "$1" != -r ] || { cat "$2" >/dev/null || exit 1; set -- $(cat "$2"); }
echo "$@" >> /var/installed || exit 1
echo "Successfully installed $*"
"""
STREAMLIT = """#!/bin/sh
# Stands in for Streamlit.
[ "$1" = run ] && exec sh "$2"
exit 2
"""
NGINX = """#!/bin/sh
# Stands in for nginx.
trap 'exit 0' TERM
httpd -f -p 80 -h /usr/share/nginx/html &
wait
"""
BASH = "#!/bin/sh\n# Stands in for bash.\nexec sh \"$@\"\n"

SERVER = """# Stands in for {what}; a shell script.
trap 'echo stopping; exit 0' TERM
mkdir -p /srv/page
echo "{page}" > /srv/page/index.html
echo "{what} listens on {port}"
httpd -f -p {port} -h /srv/page &
wait
"""

DOCKERFILE = """\
# 设置基础镜像
FROM python:3.12.8

# 设置工作目录
WORKDIR /app

# 复制项目文件
COPY . .

# 安装依赖(可以在任意位置执行多个RUN命令)
RUN pip install -r requirements.txt

# 启动服务
CMD ["python", "chat_routers.py"]
"""

COMPOSE = """\
version: "3.8" # 指定 Docker Compose 文件的版本

services: # 定义服务
  python-app-frontend: # 新增的 Python 应用服务
    build: # 使用 Dockerfile 构建镜像
      context: ./frontend # 前端上下文目录
      dockerfile: Dockerfile # Dockerfile 文件
    image: jiangmiemie/llmchatf:0.1.0
    ports:
      - "8501:8501" # 映射 Streamlit 默认端口
    command: ["streamlit", "run", "_streamlit/streamlit_app.py"] # 启动命令
    depends_on:
      - python-app-backend

  python-app-backend: # 新增的后端服务
    build: # 使用 Dockerfile 构建镜像
      context: ./backend # 后端上下文目录
      dockerfile: Dockerfile # 后端 Dockerfile 文件
    image: jiangmiemie/llmchatb:0.1.0
    ports:
      - "8010:8010" # 映射后端服务端口
    command: ["python", "chat_routers.py"] # 启动后端服务的命令
    volumes:
      - ./backend/.env:/app/.env:ro # 添加 .env 文件挂载，ro表示只读
"""

# The target machine's file. The tutorial's images bring their CMD from the Dockerfiles.
COMPOSE_OF_TARGET = """\
version: '3.8'
services:
  python-app-frontend:
    image: jiangmiemie/llmchatf:0.1.0
    ports:
      - "8501:8501"

  python-app-backend:
    image: jiangmiemie/llmchatb:0.1.0
    ports:
      - "8010:8010"
    volumes:
      - ./backend/.env:/app/.env:ro
"""


def python_image() -> bytes:
    """`python:3.12.8` as an archive of `docker save`."""
    return _archive("python:3.12.8", {"usr/bin/python": PYTHON, "usr/bin/pip": PIP, "usr/bin/streamlit": STREAMLIT}, ["python"])


def nginx_image() -> bytes:
    """`nginx:latest` as an archive of `docker save`."""
    return _archive(
        "nginx:latest", {"usr/bin/nginx": NGINX}, ["nginx", "-g", "daemon off;"],
        {"usr/share/nginx/html/index.html": "Welcome to nginx!\n", "var/log/nginx/access.log": "one line\n"},
    )


def write_single(folder: Path) -> None:
    """The project of the basic chain: one Dockerfile, one service on 8501."""
    _write(folder, {
        "Dockerfile": DOCKERFILE,
        "requirements.txt": "fastapi\nstreamlit\n",
        "chat_routers.py": SERVER.format(what="the chat", page="chat 0.0.2", port=8501),
    })


def write_compose(folder: Path) -> None:
    """The tree of the chapter on docker-compose."""
    frontend = SERVER.format(what="the frontend", page="frontend 0.1.0", port=8501)
    _write(folder, {
        "docker-compose.yml": COMPOSE,
        "README.md": "# llmchat\n",
        "backend/Dockerfile": DOCKERFILE,
        "backend/.env": "API_KEY=not for the image\n",
        "backend/.dockerignore": ".env\n",
        "backend/chat_routers.py": SERVER.format(what="the backend", page="backend 0.1.0", port=8010),
        "backend/requirements.txt": "fastapi\n",
        "frontend/Dockerfile": DOCKERFILE.replace(
            '["python", "chat_routers.py"]', '["streamlit", "run", "_streamlit/streamlit_app.py"]'
        ),
        "frontend/requirements.txt": "streamlit\n",
        "frontend/_streamlit/streamlit_app.py": frontend,
    })


def write_target(folder: Path) -> None:
    """What the machine has that only pulls and runs: no source."""
    _write(folder, {"docker-compose.yml": COMPOSE_OF_TARGET, "backend/.env": "API_KEY=of the target\n"})


def _write(folder: Path, files: dict[str, str]) -> None:
    """What is there already keeps its time: Compose looks at it."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def _archive(name: str, programs: dict[str, str], command: list[str], files: dict[str, str] | None = None) -> bytes:
    """A docker-archive of two layers, of which the first is the same for all."""
    own = io.BytesIO()
    with tarfile.open(fileobj=own, mode="w") as tar:
        for path, text in {"bin/bash": BASH, **programs}.items():
            add(tar, path, text.encode(), mode=0o755)
        for path, text in (files or {}).items():
            add(tar, path, text.encode())
    layers = [busybox_tar(), own.getvalue()]
    config = {
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": command, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]},
        "history": [{"created_by": "busybox"}, {"created_by": f"stand-in of {name}"}],
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number, layer in enumerate(layers):
            add(tar, f"{number}/layer.tar", layer)
        add(tar, "config.json", json.dumps(config).encode())
        add(tar, "manifest.json", json.dumps([{
            "Config": "config.json", "RepoTags": [name], "Layers": [f"{number}/layer.tar" for number in range(len(layers))],
        }]).encode())
    return archive.getvalue()
