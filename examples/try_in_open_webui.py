"""Tries the pipe in a real Open WebUI on this machine: `make owui VERSION=0.12.4`.

Open WebUI is installed into `.work/`, started on 127.0.0.1, and given the built pipe file. Without
an `OPENROUTER_API_KEY` the pipe talks to the stand-in, so that no account and no network is needed
once the install is done. Ctrl-C stops everything; the next start keeps the chats.
"""

import argparse
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time  # noqa: TID251 - a script that waits for another program; no actor runs in here
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx

ROOT = Path(__file__).resolve().parent.parent
PIPE_FILE = ROOT / "dist" / "greenroom_pipe.py"
FUNCTION_ID = "greenroom"
ADMIN_EMAIL = "admin@example.com"
START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.5
# A pipe's first request may install what the pipe file requires.
CALL_TIMEOUT_S = 180.0

# The discard port: nothing answers there, so an engine that points at it loads no model.
NOWHERE = "http://127.0.0.1:9/v1"
# No other provider, no model downloads, no calls home: the pipe is all there is.
QUIET = MappingProxyType(
    {
        "ANONYMIZED_TELEMETRY": "false",
        "AUDIO_STT_ENGINE": "openai",
        "AUDIO_STT_OPENAI_API_BASE_URL": NOWHERE,
        "DO_NOT_TRACK": "true",
        "ENABLE_COMMUNITY_SHARING": "false",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_OPENAI_API": "false",
        "ENABLE_VERSION_UPDATE_CHECK": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": NOWHERE,
        "SCARF_NO_ANALYTICS": "true",
        "TRANSFORMERS_OFFLINE": "1",
        "WEBUI_AUTH": "true",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line asked for."""

    version: str
    venv: Path
    data: Path
    port: int
    question: str | None


def say(text: str) -> None:
    """Tell how far it is, at once."""
    print(f"owui: {text}", flush=True)


def read_plan() -> Plan:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Try the pipe in a real Open WebUI.")
    parser.add_argument("--version", default="0.12.4", help="of Open WebUI")
    parser.add_argument("--venv", type=Path, help="one that has this Open WebUI already")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ask", metavar="QUESTION", help="ask once over the API, then stop")
    given = parser.parse_args()
    work = ROOT / ".work" / f"openwebui-{given.version}"
    return Plan(
        version=given.version,
        venv=(given.venv or work / "venv").resolve(),
        data=work / "data",
        port=given.port or free_port(),
        question=given.ask,
    )


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def install_open_webui(plan: Plan) -> None:
    """Make the venv, unless it is there."""
    python = plan.venv / "bin" / "python"
    if (plan.venv / "bin" / "open-webui").exists():
        say(f"found Open WebUI in {plan.venv}")
        return
    say(f"installing Open WebUI {plan.version}: some minutes, about 3 GB, in {plan.venv}")
    subprocess.run([sys.executable, "-m", "venv", str(plan.venv)], check=True)  # noqa: S603 - ours
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "uv"], check=True)  # noqa: S603 - ours
    # Only pip knows the wheel folders its own settings name. A small CPU torch that lies in one
    # saves gigabytes; without one uv finds its own.
    local = [*pip, "--no-index", "--no-deps", "torch"]
    is_local = subprocess.run(local, check=False, capture_output=True).returncode == 0  # noqa: S603 - ours
    say("torch: a local wheel" if is_local else "torch: downloaded with the rest")
    uv = [str(plan.venv / "bin" / "uv"), "pip", "install", "--python", str(python)]
    subprocess.run([*uv, f"open-webui=={plan.version}"], check=True)  # noqa: S603 - ours


@contextlib.contextmanager
def running(
    command: list[str], *, log: Path, cwd: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts; what it prints goes to a file."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - ours
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C in the terminal reaches this script alone, which then stops the servers.
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers at all; leave when it ended or takes too long."""
    give_up_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_s:
        if process.poll() is not None:
            sys.exit(f"owui: the server ended while starting, see {log}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).status_code == httpx.codes.OK:
                return
        time.sleep(POLL_S)
    sys.exit(f"owui: {url} gave no answer in {START_TIMEOUT_S:.0f} s, see {log}")


def kept_secret(path: Path) -> str:
    """Make a secret the first time and find it again later, so that old chats stay readable."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(16))
    return path.read_text()


@contextlib.contextmanager
def open_webui(plan: Plan) -> Iterator[str]:
    """Run the server while the block lasts; gives its address."""
    url, log = f"http://127.0.0.1:{plan.port}", plan.data / "server.log"
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= QUIET
    environment |= {"DATA_DIR": str(plan.data)}
    environment |= {"WEBUI_SECRET_KEY": kept_secret(plan.data / "server.secret")}
    program = str(plan.venv / "bin" / "open-webui")
    command = [program, "serve", "--host", "127.0.0.1", "--port", str(plan.port)]
    say(f"starting Open WebUI, half a minute or more; its log is {log}")
    with running(command, log=log, cwd=plan.data, environment=environment) as process:
        wait_until_healthy(f"{url}/health", process, log)
        yield url


@contextlib.contextmanager
def provider(plan: Plan) -> Iterator[dict[str, str]]:
    """Give the valves that lead to OpenRouter, or to a stand-in that runs while the block lasts."""
    if key := os.environ.get("OPENROUTER_API_KEY"):
        say("the pipe talks to OpenRouter with your key")
        yield {"API_KEY": key}
        return
    port, log = free_port(), plan.data / "standin.log"
    command = [sys.executable, "-m", "bridge.cli", "standin", "--port", str(port)]
    with running(command, log=log, cwd=ROOT, environment=dict(os.environ)) as process:
        base_url = f"http://127.0.0.1:{port}/api/v1"
        wait_until_healthy(f"{base_url}/models", process, log)
        say("no OPENROUTER_API_KEY: the pipe talks to a stand-in on this machine")
        yield {"API_KEY": "sk-or-standin", "BASE_URL": base_url}


def post(api: httpx.Client, path: str, form: object = None) -> httpx.Response:
    """Send a form; leave with the server's reason when it is refused."""
    reply = api.post(path, json=form)
    if reply.is_error:
        sys.exit(f"owui: {path} answered {reply.status_code}: {reply.text[:500]}")
    return reply


def sign_in(api: httpx.Client, password: str) -> None:
    """Sign in; on an empty database sign up, which makes the first user the admin."""
    form = {"name": "Admin", "email": ADMIN_EMAIL, "password": password}
    reply = api.post("/api/v1/auths/signin", json=form)
    if reply.status_code == httpx.codes.BAD_REQUEST:
        reply = post(api, "/api/v1/auths/signup", form)
    reply.raise_for_status()
    api.headers["Authorization"] = f"Bearer {reply.json()['token']}"


def install_pipe(api: httpx.Client, valves: dict[str, str]) -> None:
    """Put the pipe file in, switch it on and set its valves."""
    form = {
        "id": FUNCTION_ID,
        "name": "Greenroom",
        "content": PIPE_FILE.read_text(encoding="utf-8"),
        "meta": {"description": "OpenRouter through Greenroom", "manifest": {}},
    }
    path = f"/api/v1/functions/id/{FUNCTION_ID}"
    is_there = api.get(path).status_code == httpx.codes.OK
    post(api, f"{path}/update" if is_there else "/api/v1/functions/create", form)
    if not api.get(path).json()["is_active"]:
        post(api, f"{path}/toggle")
    post(api, f"{path}/valves/update", valves)


def list_models(api: httpx.Client) -> list[str]:
    """Ask for the models anew: a chat finds a model only in the list that was made last."""
    reply = api.get("/api/models", params={"refresh": "true"})
    reply.raise_for_status()
    found = [str(model["id"]) for model in reply.json()["data"]]
    return [name for name in found if name.startswith(f"{FUNCTION_ID}.")]


def ask(api: httpx.Client, model: str, question: str) -> str:
    """Ask one question over the API and give the answer's text."""
    turn = {"role": "user", "content": question}
    form = {"model": model, "stream": False, "messages": [turn]}
    reply = post(api, "/api/chat/completions", form).json()
    return str(reply["choices"][0]["message"]["content"])


def stay(url: str, password: str) -> None:
    """Tell how to get in, then wait for Ctrl-C."""
    say("ready; Ctrl-C stops everything")
    print(f"\n  open      {url}\n  e-mail    {ADMIN_EMAIL}\n  password  {password}\n", flush=True)
    while True:
        time.sleep(POLL_S)


def main() -> None:
    """Install, start, wait, stop."""
    plan = read_plan()
    if not PIPE_FILE.exists():
        sys.exit(f"owui: {PIPE_FILE} is missing, make it with `make pipe`")
    say("this can take minutes and gigabytes the first time")
    plan.data.mkdir(parents=True, exist_ok=True)
    install_open_webui(plan)
    with (
        provider(plan) as valves,
        open_webui(plan) as url,
        httpx.Client(base_url=url, timeout=CALL_TIMEOUT_S, trust_env=False) as api,
    ):
        password = kept_secret(plan.data / "admin.secret")
        sign_in(api, password)
        say("installing the pipe")
        install_pipe(api, valves)
        models = list_models(api)
        say(f"{len(models)} models: {', '.join(models[:5])}")
        if plan.question is None:
            stay(url, password)
        elif models:
            print(ask(api, models[0], plan.question))
        else:
            sys.exit("owui: the pipe lists no model")


if __name__ == "__main__":
    # Being asked to end is the same as Ctrl-C: either way the servers are stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        main()
    say("stopped")
