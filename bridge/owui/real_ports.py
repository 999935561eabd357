"""The adapters to the real world, as one function of Open WebUI uses them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from actors.values import WireFormat
from bridge.app import Ports
from bridge.config.settings import Settings
from bridge.openrouter.client import AiohttpProvider
from bridge.openrouter.codec_chat import ChatCodec
from bridge.openrouter.codec_responses import ResponsesCodec
from bridge.openrouter.http_defaults import TlsContext
from bridge.openrouter.model_list import HttpxCatalog
from bridge.owui.own_cluster import own_cluster
from bridge.owui.own_storage import OwnStorage, SessionLogAnnex
from bridge.owui.session_logs import SessionLogDesk
from bridge.storage.live_rows import LiveRows


def provider_ports() -> Ports:
    """Make the adapters to the provider alone; nothing connects before the first call."""
    tls = TlsContext()
    provider, catalog_source = AiohttpProvider(tls=tls), HttpxCatalog(tls)

    async def close() -> None:
        await provider.close()
        await catalog_source.close()

    return Ports(
        provider=provider,
        codecs={WireFormat.RESPONSES: ResponsesCodec(), WireFormat.CHAT: ChatCodec()},
        catalog_source=catalog_source,
        close=close,
    )


def real_ports(function_id: str, logs: SessionLogDesk) -> Ports:
    """Make all adapters of a new tree; nothing connects before the first call.

    Args:
        function_id: whose tree it is; it names the table of artifacts (SPEC 150).
        logs: the session logs of its door.
    """
    provider = provider_ports()
    storage = OwnStorage(function_id)
    cluster = own_cluster(function_id, LiveRows(storage.store))

    def obey(settings: Settings) -> bool:
        if cluster is not None:
            cluster.obey(settings.sharing)
        return storage.obey(settings)

    async def close() -> None:
        try:
            await provider.close()
        finally:
            await asyncio.to_thread((storage.store if cluster is None else cluster).close)

    made = replace(
        provider,
        store=storage.store,
        obey=obey,
        annex=SessionLogAnnex(logs, storage),
        close=close,
    )
    if cluster is None:
        return made
    return replace(
        made,
        store=cluster.cluster.store,
        pending=cluster.cluster.pending,
        lease=cluster.cluster.lease,
        sharing=cluster.sharing,
        costs=cluster.cluster.costs,
    )
