"""Every valve there is so far with its default and range, as SPEC 23 has them."""

# Name, default, lowest and highest accepted value (None: no bound).
NUMBERS = [
    ("HTTP_CONNECT_TIMEOUT_SECONDS", 10, 1, None),
    ("HTTP_TOTAL_TIMEOUT_SECONDS", None, 1, None),
    ("HTTP_SOCK_READ_SECONDS", 300, 1, None),
    ("REQUEST_DEADLINE_SECONDS", None, 1, None),
    ("MODEL_CATALOG_REFRESH_SECONDS", 3600, 60, None),
    ("GEMINI_THINKING_BUDGET", 1024, 0, 65536),
    ("MAX_FUNCTION_CALL_LOOPS", 25, 1, 1000),
    ("WEB_SEARCH_MAX_RESULTS", 3, 1, 10),
    ("MAX_CONCURRENT_REQUESTS", 200, 1, 2000),
    ("SSE_WORKERS_PER_REQUEST", 1, 1, 8),
    ("STREAMING_CHUNK_QUEUE_MAXSIZE", 0, 0, None),
    ("STREAMING_EVENT_QUEUE_MAXSIZE", 0, 0, None),
    ("STREAMING_EVENT_QUEUE_WARN_SIZE", 1000, 100, None),
    ("MIDDLEWARE_STREAM_QUEUE_MAXSIZE", 0, 0, None),
    ("MIDDLEWARE_STREAM_QUEUE_PUT_TIMEOUT_SECONDS", 1.0, 0, None),
    ("MAX_PARALLEL_TOOLS_GLOBAL", 200, 1, 2000),
    ("MAX_PARALLEL_TOOLS_PER_REQUEST", 5, 1, 50),
    ("BREAKER_MAX_FAILURES", 5, 1, 50),
    ("BREAKER_WINDOW_SECONDS", 60, 5, 900),
    ("BREAKER_HISTORY_SIZE", 5, 1, 200),
    ("TOOL_BATCH_CAP", 4, 1, 32),
    ("TOOL_OUTPUT_RETENTION_TURNS", 10, 0, None),
    ("TOOL_TIMEOUT_SECONDS", 60, 1, 600),
    ("TOOL_BATCH_TIMEOUT_SECONDS", 120, 1, None),
    ("TOOL_IDLE_TIMEOUT_SECONDS", None, 1, None),
    ("TOOL_SHUTDOWN_TIMEOUT_SECONDS", 10.0, 0, None),
    ("SHUTDOWN_GRACE_SECONDS", 20.0, 0, 600),
    ("MIN_COMPRESS_BYTES", 0, 0, None),
    ("ARTIFACT_CLEANUP_DAYS", 90, 1, 365),
    ("ARTIFACT_CLEANUP_INTERVAL_HOURS", 1.0, 0.5, 24),
    ("DB_BATCH_SIZE", 10, 5, 20),
]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")

# Name, default, all words.
CHOICES = [
    ("DEFAULT_LLM_ENDPOINT", "responses", ("responses", "chat_completions")),
    ("FREE_MODEL_FILTER", "all", ("all", "only", "exclude")),
    ("TOOL_CALLING_FILTER", "all", ("all", "only", "exclude")),
    ("THINKING_OUTPUT_MODE", "open_webui", ("open_webui", "status", "both")),
    ("ANTHROPIC_PROMPT_CACHE_TTL", "5m", ("5m", "1h")),
    ("REASONING_EFFORT", "medium", EFFORTS),
    ("REASONING_SUMMARY_MODE", "auto", ("auto", "concise", "detailed", "disabled")),
    ("GEMINI_THINKING_LEVEL", "auto", ("auto", "low", "high")),
    ("TASK_MODEL_REASONING_EFFORT", "low", EFFORTS),
    ("TOOL_EXECUTION_MODE", "Pipeline", ("Pipeline", "Open-WebUI")),
    (
        "PERSIST_REASONING_TOKENS",
        "conversation",
        ("disabled", "next_reply", "conversation"),
    ),
    ("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
]

SWITCHES = [
    ("AUTO_FALLBACK_CHAT_COMPLETIONS", True),
    ("ENABLE_REASONING", True),
    ("ENABLE_ANTHROPIC_INTERLEAVED_THINKING", True),
    ("ENABLE_ANTHROPIC_PROMPT_CACHING", True),
    ("AUTO_CONTEXT_TRIMMING", True),
    ("ENABLE_STRICT_TOOL_CALLING", True),
    ("ENABLE_TIMING_LOG", False),
    ("USE_MODEL_MAX_OUTPUT_TOKENS", False),
    ("SHOW_FINAL_USAGE_STATUS", True),
    ("ENABLE_STATUS_CSS_PATCH", False),
    ("SEND_END_USER_ID", False),
    ("SEND_SESSION_ID", False),
    ("SEND_CHAT_ID", False),
    ("SEND_MESSAGE_ID", False),
    ("PERSIST_TOOL_RESULTS", True),
    ("ENCRYPT_ALL", True),
    ("ENABLE_LZ4_COMPRESSION", True),
]

TEXTS = [
    ("BASE_URL", "https://openrouter.ai/api/v1"),
    ("FORCE_CHAT_COMPLETIONS_MODELS", ""),
    ("FORCE_RESPONSES_MODELS", ""),
    ("HTTP_REFERER_OVERRIDE", ""),
    ("MODEL_ID", "auto"),
    ("TIMING_LOG_FILE", "logs/timing.jsonl"),
    ("SUPPORT_EMAIL", ""),
    ("SUPPORT_URL", ""),
]

SECRETS = [
    "ARTIFACT_DATABASE_URL",
    "ARTIFACT_ENCRYPTION_KEY",
    "ARTIFACT_ENCRYPTION_KEY_PREVIOUS",
]

TEMPLATES = [
    "OPENROUTER_ERROR_TEMPLATE",
    "AUTHENTICATION_ERROR_TEMPLATE",
    "INSUFFICIENT_CREDITS_TEMPLATE",
    "RATE_LIMIT_TEMPLATE",
    "SERVER_TIMEOUT_TEMPLATE",
    "NETWORK_TIMEOUT_TEMPLATE",
    "CONNECTION_ERROR_TEMPLATE",
    "SERVICE_ERROR_TEMPLATE",
    "INTERNAL_ERROR_TEMPLATE",
    "MAX_FUNCTION_CALL_LOOPS_REACHED_TEMPLATE",
    "MODEL_RESTRICTED_TEMPLATE",
]
