"""What people read about a failure: what happened, and what to do. Pure data.

`{when}` becomes "in a moment" or "in 12 seconds".
"""

from __future__ import annotations

from typing import Final

from actors.ports import (
    AccessRefused,
    AnswerMalformed,
    AuthRejected,
    BudgetInFlight,
    ConnectionFailed,
    CreditsExhausted,
    PortError,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    StreamBroken,
)
from actors.request import ChatNotStarted
from bridge.owui.error_kinds import Condition
from bridge.transforms.request_body import RequestFault

CONDITIONS: Final = {
    Condition.SERVER_BUSY: (
        "Server busy (503).",
        "Too many requests are waiting already. Please try again {when}.",
    ),
    Condition.BREAKER_OPEN: (
        "After several failures your requests are temporarily disabled.",
        "Please try again {when}; one request is then let through as a test.",
    ),
    Condition.MODEL_HELD: (
        "This model has failed for many requests in a row and is paused.",
        "Please try again {when}, or pick another model.",
    ),
    Condition.STARTUP: (
        "Service unavailable due to startup issues.",
        "The model list could not be loaded yet. It is tried again with your next message.",
    ),
    Condition.MODEL_UNKNOWN: (
        "This model is not on offer.",
        "It may have been renamed or withdrawn. Please reload the page and pick another model.",
    ),
    Condition.KEY_MISSING: (
        "There is no OpenRouter API key yet.",
        "An administrator has to enter one in the valve API_KEY of this function "
        "(keys are made at https://openrouter.ai/settings/keys).",
    ),
    Condition.KEY_UNDECRYPTABLE: (
        "The stored API key cannot be decrypted.",
        "An administrator has to re-enter it in the valve API_KEY: WEBUI_SECRET_KEY has "
        "probably changed since it was stored. OpenRouter keys begin with sk-.",
    ),
    Condition.BASE_URL_INVALID: (
        "The address of the provider cannot be used.",
        "An administrator has to correct the valve BASE_URL; an address looks like "
        "https://openrouter.ai/api/v1.",
    ),
    Condition.PACKAGE_MISSING: (
        "A Python package that this function needs is not installed.",
        "An administrator has to install it in Open WebUI's environment and restart the server.",
    ),
    Condition.STOPPED: (
        "The answer was stopped, because this function is being shut down or restarted.",
        "What stands above, if anything, is all that arrived. Please ask again {when}.",
    ),
    Condition.INTERNAL: (
        "Something went wrong inside this function.",
        "Please try again. If it happens again, tell an administrator the error id.",
    ),
}

SETUP_NAMES: Final = {
    Condition.KEY_MISSING: "no API key",
    Condition.KEY_UNDECRYPTABLE: "the stored API key cannot be decrypted",
    Condition.BASE_URL_INVALID: "BASE_URL is not an address",
    Condition.STARTUP: "the model catalog could not be loaded",
    Condition.PACKAGE_MISSING: "a Python package is missing",
}

# The first match rules, so special cases stand before what they are a kind of.
PORT_ERRORS: Final[tuple[tuple[type[PortError], str, str], ...]] = (
    (
        ChatNotStarted,
        "This server could not begin the request.",
        "It is very busy, or about to stop. Please try again {when}.",
    ),
    (
        RateLimited,
        "The provider takes no more requests at the moment.",
        "Please try again {when}, or pick another model.",
    ),
    (
        QuotaExhausted,
        "The allowance for this model is used up.",
        "Trying again does not help before it is renewed. Please pick another model, or ask an "
        "administrator for more credit.",
    ),
    (
        ProviderUnavailable,
        "The provider is having trouble.",
        "This is usually over soon. Please try again {when}, or pick another model.",
    ),
    (
        ProviderTimedOut,
        "The provider did not answer in time.",
        "Please try again {when}. A shorter request or another model may be quicker.",
    ),
    (
        ConnectionFailed,
        "The provider could not be reached.",
        "Please try again {when}. If it goes on, an administrator should check the network and "
        "the valve BASE_URL.",
    ),
    (
        StreamBroken,
        "The connection to the provider broke off.",
        "Please try again {when}.",
    ),
    (
        AuthRejected,
        "The provider did not accept the API key.",
        "An administrator has to check the valve API_KEY: the key may be wrong, expired or "
        "revoked.",
    ),
    (
        CreditsExhausted,
        "There is not enough credit for this request.",
        "An administrator can add credit at https://openrouter.ai/settings/credits. A shorter "
        "answer or a cheaper model may still work.",
    ),
    (
        BudgetInFlight,
        "The credit left is reserved by requests that are still running.",
        "Please try again {when}.",
    ),
    (
        AccessRefused,
        "The provider refused this request.",
        "It may have been moderated, or this key or region may not use the model. Please "
        "rephrase it or pick another model.",
    ),
    (
        RequestRejected,
        "The provider could not accept this request.",
        "Please change it as the message says, or pick another model.",
    ),
    (
        AnswerMalformed,
        "The provider sent something that is no answer.",
        "Please try again {when}. If it goes on, an administrator should check the valve BASE_URL.",
    ),
    (ProviderError, "The provider reported an error.", "Please try again {when}."),
    (PortError, "Something this function depends on failed.", "Please try again {when}."),
)

REQUEST_FAULTS: Final = {
    RequestFault.MODEL_MISSING: (
        "The request names no model.",
        "Please pick a model; the field `model` takes an id from the model list.",
    ),
    RequestFault.MODEL_UNKNOWN: CONDITIONS[Condition.MODEL_UNKNOWN],
    RequestFault.MESSAGES_MISSING: (
        "The request holds no message that could be answered.",
        "Please write something; the field `messages` takes at least one message with a role "
        "and content.",
    ),
}
