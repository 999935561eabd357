"""The door to Open WebUI: the class `Pipe` that it finds, asks for models and calls for chats.

Types are checked here, once; valves become frozen settings; everything that goes wrong becomes
a sentence in the answer, so that nothing is ever raised into Open WebUI (which would lose the
text shown so far). `except Exception` stands at the three entrances and nowhere else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from actors.catalog import CatalogKnown, CatalogMissing
from actors.kernel.entropy import SystemEntropy
from actors.kernel.errors import KernelError
from actors.ports import Cancelled, Completed, Ending, Failed
from actors.request import is_weather
from actors.values import Catalog, ChatRequest, Model, WireFormat
from bridge.app import App, Ports
from bridge.config.secret_text import SECRET_KEY_VARIABLE
from bridge.config.settings import KeyProblem, Settings, settings_from
from bridge.config.valves import Valves
from bridge.openrouter.client import AiohttpProvider
from bridge.openrouter.codec_responses import ResponsesCodec
from bridge.openrouter.http_defaults import TlsContext
from bridge.openrouter.model_list import HttpxCatalog
from bridge.owui.error_text import (
    Condition,
    Explanation,
    cut_notice,
    explain,
    explain_condition,
    explain_valves,
    setup_name,
    valves_name,
)
from bridge.owui.event_sink import OwuiSink, SlowReaderLog
from bridge.owui.residence import Residence, Visit
from bridge.transforms.chat_chunks import (
    ChunkWriter,
    FinishReason,
    PieceKind,
    completion_dict,
    finish_reason,
)
from bridge.transforms.json_text import JsonValue
from bridge.transforms.model_ids import exact_ids, listed_id
from bridge.transforms.request_body import RequestInvalid, chat_request
from supervisor.gate import Admitted, Refusal, Refused

_log = logging.getLogger("greenroom.pipe")

_RULE: Final = "\n\n---\n\n"

SETUP_ID: Final = "greenroom-setup"

# How long a list of models, or the first chat, waits for a catalog that was never loaded.
CATALOG_WAIT_S: Final = 45.0

Answer: TypeAlias = AsyncIterator[str] | dict[str, JsonValue] | str


def real_ports() -> Ports:
    """Make the adapters to the real world; nothing connects before the first call."""
    tls = TlsContext()
    provider, catalog_source = AiohttpProvider(tls=tls), HttpxCatalog(tls)

    async def close() -> None:
        await provider.close()
        await catalog_source.close()

    return Ports(
        provider=provider,
        codecs={WireFormat.RESPONSES: ResponsesCodec()},
        catalog_source=catalog_source,
        close=close,
    )


def pipe_class(
    function_id: str,
    build: str,
    release: Callable[[str], None] | None,
    ports: Callable[[], Ports] = real_ports,
) -> type:
    """Make the class `Pipe` of one function; all its instances share one residence."""
    residence = Residence(function_id, build, ports, release)

    class Pipe(_Door):
        """Every model of OpenRouter as a model of Open WebUI."""

        def __init__(self) -> None:
            super().__init__(function_id, residence)

    return Pipe


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal(Exception):
    """A request that ends at the door, with the words for it."""

    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownIds:
    """What the catalog said last, and how long that stands for these settings."""

    settings: Settings
    catalog: Catalog
    fresh_until_s: float
    model_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request on its way through the door."""

    settings: Settings
    request: ChatRequest
    user: str
    sink: OwuiSink


class _Door:
    """What Open WebUI sees. `valves` is replaced by a new object before every call."""

    Valves = Valves

    def __init__(self, function_id: str, residence: Residence) -> None:
        self.type = "manifold"
        self.id = function_id
        self.valves = Valves()
        self.residence = residence
        self._entropy = SystemEntropy()
        self._slow_log = SlowReaderLog()
        self._ids: _KnownIds | None = None
        self._snapshot: tuple[object, Settings] | None = None

    async def close(self) -> None:
        """Stop the tree behind this door; the next call starts it again (SPEC 192)."""
        await self.residence.close()

    # --- the list of models ----------------------------------------------------------------------

    async def pipes(self) -> list[dict[str, str]]:
        """Tell Open WebUI the models; never raises (SPEC 7)."""
        try:
            return await self._listed()
        except Exception as error:  # noqa: BLE001 - a door: Open WebUI would show no models at all
            _log.error("the model list failed: %s", type(error).__name__, exc_info=error)
            return _setup_entry(Condition.INTERNAL)

    async def _listed(self) -> list[dict[str, str]]:
        settings = self._settings()
        if (condition := _unusable(settings)) is not None:
            return _setup_entry(condition)
        visit = self.residence.enter(settings.shutdown_grace_s)
        try:
            known = await visit.app.catalog(settings, wait_s=CATALOG_WAIT_S)
        except KernelError:
            return _setup_entry(Condition.STARTUP)
        finally:
            visit.end()
        if not isinstance(known, CatalogKnown):
            about = explain(known.error).happened if isinstance(known, CatalogMissing) else ""
            return _setup_entry(Condition.STARTUP, about)
        models = _wanted(known.catalog.models, settings.models_wanted)
        listed = [{"id": listed_id(model.id), "name": model.name} for model in models]
        if settings.valve_problems:
            listed.append({"id": SETUP_ID, "name": valves_name(settings.valve_problems)})
        return sorted(listed, key=lambda row: row["name"].casefold())

    # --- a chat ----------------------------------------------------------------------------------

    async def pipe(
        self,
        body: object,
        __user__: dict[str, Any] | None = None,
        __task__: str | None = None,
    ) -> Answer:
        """Answer one chat: an async generator of chunks, a whole completion, or a task's text."""
        call = await self._prepared(body, __user__)
        fields: Mapping[str, object] = body if isinstance(body, Mapping) else {}
        asked_model = str(fields.get("model") or "")
        if fields.get("stream"):
            return self._streamed(call, asked_model)
        return await self._whole(call, asked_model, is_task=bool(__task__))

    async def _prepared(self, body: object, user: object) -> _Call | Explanation:
        """Check everything that can be checked before admission."""
        error_id = self._entropy.token(8)
        try:
            return await self._checked(body, user, error_id)
        except _Refusal as refusal:
            return refusal.explanation
        except RequestInvalid as invalid:
            return explain(invalid, error_id=error_id)
        except Exception as error:  # noqa: BLE001 - a door: Open WebUI would show the exception
            return self._internal(error, error_id)

    async def _checked(self, body: object, user: object, error_id: str) -> _Call:
        settings = self._settings()
        if (condition := _unusable(settings)) is not None:
            raise _Refusal(explanation=explain_condition(condition, error_id=error_id))
        if settings.valve_problems and self._is_setup(body):
            raise _Refusal(explanation=explain_valves(settings.valve_problems))
        # A generator that is never begun is never ended either: it visits for itself.
        visit = self.residence.enter(settings.shutdown_grace_s)
        try:
            model_ids = await self._model_ids(visit.app, settings, error_id)
        finally:
            visit.end()
        request = chat_request(body, request_id=error_id, function_id=self.id, model_ids=model_ids)
        sink = OwuiSink(
            bytes_max=settings.handover_bytes_max,
            pieces_max=settings.handover_lines_max,
            warn_pieces=settings.backlog_warn_size,
            slow_after_s=settings.slow_reader_after_s,
            slow_log=self._slow_log,
        )
        return _Call(settings=settings, request=request, user=_user_id(user), sink=sink)

    def _is_setup(self, body: object) -> bool:
        model = body.get("model") if isinstance(body, Mapping) else None
        return isinstance(model, str) and model.removeprefix(f"{self.id}.") == SETUP_ID

    async def _model_ids(self, app: App, settings: Settings, error_id: str) -> Mapping[str, str]:
        seen = self._ids
        if seen is not None and seen.settings is settings and app.now_s() < seen.fresh_until_s:
            return seen.model_ids
        try:
            known = await app.catalog(settings, wait_s=CATALOG_WAIT_S)
        except KernelError as error:
            known = error
        if not isinstance(known, CatalogKnown):
            cause = known.error if isinstance(known, CatalogMissing) else known
            about = explain(cause).happened
            words = explain_condition(Condition.STARTUP, error_id=error_id, about=about)
            raise _Refusal(explanation=words)
        is_same = seen is not None and seen.catalog is known.catalog
        self._ids = _KnownIds(
            settings=settings,
            catalog=known.catalog,
            fresh_until_s=known.fresh_until_s,
            model_ids=seen.model_ids if seen and is_same else exact_ids(known.catalog),
        )
        return self._ids.model_ids

    # --- streamed --------------------------------------------------------------------------------

    async def _streamed(self, call: _Call | Explanation, model: str) -> AsyncIterator[str]:
        writer = ChunkWriter(
            model=model,
            completion_id=f"chatcmpl-{self._entropy.token(12)}",
            created_s=self._now_s(),
        )
        if isinstance(call, Explanation):
            for line in _said(writer, call.markdown(), FinishReason.STOP):
                yield line
            return
        visit: Visit | None = None
        try:
            visit = self.residence.enter(call.settings.shutdown_grace_s)
            visit.watch()
            refusal = await self._admitted(visit, call)
            if refusal is not None:
                for line in _said(writer, refusal.markdown(), FinishReason.STOP):
                    yield line
                return
            while pieces := await call.sink.take():
                for line in writer.lines(pieces):
                    yield line
                visit.watch()
            # Nothing is left to stop; who reads no further than the end keeps nothing alive.
            visit.chat = None
            visit.end()
            for line in self._last_lines(writer, call.sink.ending):
                yield line
        except Exception as error:  # noqa: BLE001 - a door: text shown so far must survive
            words = self._internal(error, call.request.request_id)
            for line in _said(writer, words.markdown(), FinishReason.STOP):
                yield line
        finally:
            # The user pressed stop or left: close the connection to the provider at once.
            if visit is not None:
                visit.end()

    async def _admitted(self, visit: Visit, call: _Call) -> Explanation | None:
        """Wait for admission. While waiting, a stop gives the place in the queue back."""
        error_id = call.request.request_id
        try:
            answer = await visit.app.admitted(
                call.request, call.settings, call.sink, user=call.user
            )
        except KernelError:
            return explain_condition(Condition.SERVER_BUSY, error_id=error_id)
        match answer:
            case Admitted(ref=ref):
                visit.chat = ref
                visit.app.system.monitor(ref, lambda _: call.sink.abandon())
                return None
            case Refused(why=Refusal.HELD, retry_after_s=retry_after_s):
                return explain_condition(
                    Condition.BREAKER_OPEN, error_id=error_id, retry_after_s=retry_after_s
                )
            case _:
                return explain_condition(Condition.SERVER_BUSY, error_id=error_id)

    def _last_lines(self, writer: ChunkWriter, ending: Ending | None) -> list[str]:
        """What closes the stream: the one terminal outcome in the door's words."""
        match ending:
            case Completed(usage=usage, incomplete_reason=reason):
                lines = [writer.finish(finish_reason(reason))]
                return lines if usage is None else [*lines, writer.usage(usage)]
            case Failed():
                return _said(writer, self._failure_text(ending), _cut_reason(ending))
            case _:
                return _said(writer, self._unfinished_text(ending), FinishReason.LENGTH)

    def _unfinished_text(self, ending: Cancelled | None) -> str:
        """The tree went away while somebody was still reading: a cut answer says that it is."""
        if ending is not None:
            return _RULE + explain_condition(Condition.STOPPED).markdown()
        words = explain_condition(Condition.INTERNAL, error_id=self._entropy.token(8))
        _log.error("a chat ended without an outcome, error id %s", words.error_id)
        return _RULE + words.markdown()

    def _failure_text(self, failed: Failed) -> str:
        kind = type(failed.error).__name__
        status = getattr(getattr(failed.error, "facts", None), "status", None)
        level = logging.WARNING if is_weather(failed.error) else logging.ERROR
        _log.log(
            level, "request failed: %s (status %s), error id %s", kind, status, failed.error_id
        )
        if failed.shown:
            return cut_notice(failed.error, error_id=failed.error_id)
        return explain(failed.error, error_id=failed.error_id).markdown()

    # --- whole -----------------------------------------------------------------------------------

    async def _whole(self, call: _Call | Explanation, model: str, *, is_task: bool) -> Answer:
        whole = partial(
            completion_dict,
            model=model,
            completion_id=f"chatcmpl-{self._entropy.token(12)}",
            created_s=self._now_s(),
        )
        if isinstance(call, Explanation):
            text = call.markdown()
            return text if is_task else whole(content=text, reason=FinishReason.STOP)
        content: list[str] = []
        reasoning: list[str] = []
        visit: Visit | None = None
        try:
            visit = self.residence.enter(call.settings.shutdown_grace_s)
            refusal = await self._admitted(visit, call)
            if refusal is not None:
                text = refusal.markdown()
                return text if is_task else whole(content=text, reason=FinishReason.STOP)
            while pieces := await call.sink.take():
                for kind, text in pieces:
                    (content if kind is PieceKind.CONTENT else reasoning).append(text)
            visit.chat = None
        except Exception as error:  # noqa: BLE001 - a door: Open WebUI would show the exception
            content.append(self._internal(error, call.request.request_id).markdown())
            text = "".join(content)
            return text if is_task else whole(content=text, reason=FinishReason.STOP)
        finally:
            if visit is not None:
                visit.end()
        return self._completed(call, whole, content, reasoning, is_task=is_task)

    def _completed(
        self,
        call: _Call,
        whole: Callable[..., dict[str, JsonValue]],
        content: list[str],
        reasoning: list[str],
        *,
        is_task: bool,
    ) -> Answer:
        usage, reason = None, FinishReason.STOP
        match call.sink.ending:
            case Completed() as ending:
                usage, reason = ending.usage, finish_reason(ending.incomplete_reason)
            case Failed() as failed:
                content.append(self._failure_text(failed))
                reason = _cut_reason(failed)
            case unfinished:
                content.append(self._unfinished_text(unfinished))
                reason = FinishReason.LENGTH
        if is_task:
            return "".join(content)
        return whole(
            content="".join(content), reason=reason, reasoning="".join(reasoning), usage=usage
        )

    # --- small things ----------------------------------------------------------------------------

    def _settings(self) -> Settings:
        """Snapshot the valves: Open WebUI swaps them on the shared instance at any time."""
        valves = self.valves
        # Compared by value: the object is a new one before every call, and mostly says the same.
        said = (dict(valves.__dict__), valves.problems(), os.environ.get(SECRET_KEY_VARIABLE))
        if self._snapshot is not None and self._snapshot[0] == said:
            return self._snapshot[1]
        settings = settings_from(valves, os.environ)
        self._snapshot = (said, settings)
        for problem in settings.valve_problems:
            _log.warning("valve %s is not obeyed: %s", problem.valve, problem.accepted)
        logger = logging.getLogger("greenroom")
        if logging.getLevelName(logger.level) != settings.log_level:
            logger.setLevel(settings.log_level)
        return settings

    def _now_s(self) -> int:
        return int(datetime.now(UTC).timestamp())

    def _internal(self, error: BaseException, error_id: str) -> Explanation:
        _log.error("internal error %s, error id %s", type(error).__name__, error_id, exc_info=error)
        return explain_condition(Condition.INTERNAL, error_id=error_id)


def _said(writer: ChunkWriter, text: str, reason: FinishReason) -> list[str]:
    return [writer.delta(PieceKind.CONTENT, text), writer.finish(reason)]


def _cut_reason(failed: Failed) -> FinishReason:
    # To a program, a cut answer is one that is not whole.
    return FinishReason.LENGTH if failed.shown else FinishReason.STOP


def _unusable(settings: Settings) -> Condition | None:
    if settings.base_url_problem is not None:
        return Condition.BASE_URL_INVALID
    if settings.key_problem is KeyProblem.MISSING:
        return Condition.KEY_MISSING
    if settings.key_problem is KeyProblem.UNDECRYPTABLE:
        return Condition.KEY_UNDECRYPTABLE
    return None


def _setup_entry(condition: Condition, about: str = "") -> list[dict[str, str]]:
    return [{"id": SETUP_ID, "name": setup_name(condition, about=about)}]


def _wanted(models: tuple[Model, ...], wanted: tuple[str, ...]) -> tuple[Model, ...]:
    """Keep the models that MODEL_ID names; if it names none that exists, keep all (SPEC 126)."""
    if not wanted:
        return models
    names = {listed_id(name) for name in wanted}
    kept = tuple(model for model in models if listed_id(model.id) in names)
    unknown = names - {listed_id(model.id) for model in models}
    if unknown:
        _log.warning("MODEL_ID names %d models that the catalog does not have", len(unknown))
    return kept or models


def _user_id(user: object) -> str:
    found = user.get("id") if isinstance(user, Mapping) else None
    return found if isinstance(found, str) else ""
