"""The built-in texts of failed requests, in the language of `bridge/owui/error_templates.py`.

Short and in plain words: what happened, what to do, the error id. `{heading}` and `{advice}` are
the words for exactly this failure; a line without a value for its placeholder is left out.
"""

from __future__ import annotations

from typing import Final

_SAID: Final = """**{heading}**

{advice}

> {sanitized_detail}
"""
_END: Final = """
Error id: `{error_id}`

Help: {support_email}

Help: {support_url}"""

OPENROUTER_ERROR: Final = (
    _SAID
    + """
{{#if include_model_limits}}
The conversation is longer than this model takes. Shorten it, start a new chat, or pick a model
with more room.

- Room of the model, in tokens: {context_limit_tokens}
- Longest answer, in tokens: {max_output_tokens}
{{/if}}
- Model: {model_identifier}
- Flagged for: {moderation_reasons}
- Flagged text: {flagged_excerpt}
- The model ended with: {native_finish_reason}
"""
    + _END
)
AUTHENTICATION_ERROR: Final = _SAID + _END
INSUFFICIENT_CREDITS: Final = (
    _SAID
    + """
- Needed, in dollars: {required_cost}
- Available, in dollars: {account_balance}
"""
    + _END
)
RATE_LIMIT: Final = (
    _SAID
    + """
- Whose limit: {rate_limit_type}
- Model: {model_identifier}
"""
    + _END
)
SERVER_TIMEOUT: Final = (
    _SAID
    + """
- Model: {model_identifier}
"""
    + _END
)
NETWORK_TIMEOUT: Final = (
    _SAID
    + """
- Waited, in seconds: {timeout_seconds}
- Asked: {endpoint}
"""
    + _END
)
CONNECTION_ERROR: Final = (
    _SAID
    + """
- Asked: {endpoint}
- Cause: {reason}
"""
    + _END
)
SERVICE_ERROR: Final = (
    _SAID
    + """
- Cause: {reason}
- Model: {model_identifier}
"""
    + _END
)
INTERNAL_ERROR: Final = (
    _SAID
    + """
- Cause: {reason}
"""
    + _END
)
MAX_FUNCTION_CALL_LOOPS_REACHED: Final = """**The answer ended after {max_function_call_loops} \
rounds of tool calls.**

The model wanted to call more tools. Ask it to go on, or ask for less at once. An administrator \
can raise the valve MAX_FUNCTION_CALL_LOOPS.

Error id: `{error_id}`"""
MODEL_RESTRICTED: Final = (
    _SAID
    + """
- Model: {requested_model}
- Why: {restriction_reasons}
- Models on offer: {model_id_filter}
"""
    + _END
)
