"""What the pages state about texts, log lines, policies, ports and bounds is what the code says."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

import actors.costs
import actors.pending
import actors.ports
import bridge.app
import bridge.policies
from actors.kernel.child_spec import RestartPolicy
from actors.pending import QueueAway
from actors.ports import ErrorFacts, PortError, ProviderUnavailable, StreamBroken
from actors.request import ChatNotStarted
from actors.tool_round import TOOL
from actors.values import Notice, Noticed, Usage
from bridge.config.setting_groups import ErrorTemplates
from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from bridge.onefile import build
from bridge.owui.error_kinds import TemplateKind
from bridge.owui.error_text import cut_notice, failure_markdown
from bridge.owui.error_values import ErrorContext
from bridge.owui.error_words import CONDITIONS, PORT_ERRORS, REQUEST_FAULTS, SETUP_NAMES
from bridge.owui.tools.kit import KitProblem, KitWarning
from bridge.transforms.status_text import noticed
from bridge.transforms.usage_text import Times, usage_text
from tests.tidy.house import ROOT, name_of, product_files
from tests.tidy.pages import PAGES, blocks, code_words, part, prose, rows, text_of

ADMINS = text_of("docs/admins.md")
ARCHITECTURE = text_of("docs/architecture.md")
OPERATORS = text_of("docs/operators.md")
ENGINEERS = text_of("docs/engineers.md")


def first_cells(text: str) -> list[str]:
    """The first column of all tables, without backticks."""
    return [row[0].strip("`") for row in rows(text)]


# --- what people read -----------------------------------------------------------------------------


def test_troubleshooting_lists_every_failure_and_no_other() -> None:
    texts = [happened for happened, _ in (*CONDITIONS.values(), *REQUEST_FAULTS.values())]
    texts += [happened for _, happened, _ in PORT_ERRORS]
    listed = first_cells(part(ADMINS, "### What stands in the place of an answer"))
    assert sorted(listed) == sorted(set(texts))


def test_troubleshooting_lists_every_entry_that_is_no_model() -> None:
    heading = "### The model list holds an entry that is no model"
    listed = first_cells(part(ADMINS, heading))
    # A missing package is told by the front of the file, before any of ours can be loaded.
    names = [text for text in SETUP_NAMES.values() if "package" not in text]
    assert [name for name in names if f"Greenroom setup: {name}" not in listed] == []


EXAMPLES = {
    Notice.EFFORT_CHANGED: ("low", None),
    Notice.TOOL_PAUSED: ("get_weather", 60.0),
    Notice.TOOL_ROUNDS_SPENT: ("", 25.0),
    Notice.CALL_CUT_OFF: ("get_weather", None),
}


@pytest.mark.parametrize("notice", Notice, ids=lambda notice: notice.value)
def test_every_note_beside_an_answer_is_listed(notice: Notice) -> None:
    about, amount = EXAMPLES.get(notice, ("", None))
    said = noticed(Noticed(notice=notice, about=about, amount=amount), name=about).data
    text = said.get("description") or said.get("content")
    assert text in first_cells(part(ADMINS, "### Notes beside an answer"))


@pytest.mark.parametrize("problem", KitProblem, ids=lambda problem: problem.value)
def test_every_warning_about_tools_is_listed(problem: KitProblem) -> None:
    sentence = KitWarning(problem=problem, amount=2, about="TimeoutError").sentence()
    assert sentence in first_cells(part(ADMINS, "### Notes beside an answer"))


def quoted(markdown: str) -> str:
    """Write Markdown as a quotation, on as few lines as it has, to be compared without wraps."""
    return " ".join(markdown.split())


def quotations(text: str) -> list[str]:
    """Every quotation of a page, on one line."""
    found = re.findall(r"(?:^>.*\n)+", text, re.MULTILINE)
    return [quoted(re.sub(r"^> ?", "", each, flags=re.MULTILINE)) for each in found]


def test_the_failures_that_are_shown_are_those_that_people_read() -> None:
    failed = failure_markdown(
        ProviderUnavailable(
            ErrorFacts(
                status=503, retry_after_s=2.0, provider="Example", detail="No capacity left."
            )
        ),
        templates=ErrorTemplates(),
        error_id="eddb24401be53188",
        about=ErrorContext(api_model_id="openai/gpt-4o-mini", at=datetime(2026, 1, 1, tzinfo=UTC)),
    )
    cut = cut_notice(StreamBroken(), error_id="974aa86476f36b8e").partition("---")[2]
    assert quotations(ADMINS) == [quoted(failed), quoted(cut)]


def test_the_last_line_that_is_shown_is_one_that_people_read() -> None:
    usage = Usage(
        input_tokens=1200,
        output_tokens=340,
        total_tokens=1540,
        reasoning_tokens=90,
        cached_tokens=1024,
        cost_usd=0.00421,
    )
    times = Times(total_s=7.41, waiting_s=0.9, thinking_s=2.1, writing_s=4.41)
    assert usage_text(usage, times) in "".join(blocks(ADMINS, ""))


# --- valves ---------------------------------------------------------------------------------------


def test_every_text_that_an_admin_can_set_is_listed() -> None:
    listed = first_cells(part(ADMINS, "### Your own texts"))
    assert listed == [name for name in Valves.model_fields if name in listed]
    assert set(listed) == {kind.valve for kind in TemplateKind}


def test_every_valve_of_users_is_named() -> None:
    named = code_words(part(ADMINS, "## What users set for themselves"))
    assert named == list(UserValves.model_fields)


# Names in capitals that are set outside, or given by others.
VARIABLES = {
    "ALL_PROXY",
    "BYPASS_MODEL_ACCESS_CONTROL",
    "DATABASE_SCHEMA",
    "DATABASE_URL",
    "GLOBAL_LOG_LEVEL",
    "GREENROOM_CONFORMANCE",
    "GREENROOM_LOG_PASSWORD",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "REDIS_URL",
    "OPENROUTER_API_BASE_URL",
    "OPENROUTER_API_KEY",
    "OWUI_ARGS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "WEBUI_SECRET_KEY",
}


def test_every_name_in_capitals_is_a_valve_a_constant_or_a_variable() -> None:
    named = {
        word
        for page in PAGES
        for word in re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", prose(page.read_text("utf-8")))
    }
    constants = {
        target.id
        for path in product_files()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for target in (getattr(node, "targets", None) or [getattr(node, "target", None)])
        if isinstance(target, ast.Name)
    }
    assert sorted(named - set(Valves.model_fields) - constants - VARIABLES) == []


# --- the log --------------------------------------------------------------------------------------

LOGGERS = {"_log", "log", "logger"}
LEVELS = {"debug": 1, "info": 1, "warning": 1, "error": 1, "log": 2}
# What a value is written for, or one of several reasons.
DIFFERS = r"(?:(?:%(?:\.\d)?[sdf])+|[a-z ]+)"
OUTSIDE = ("bridge/chaos/", "bridge/demo/", "actors/testing/")


def formats() -> Iterator[tuple[str, str]]:
    """Every format that the product logs with, and where."""
    for path in product_files():
        if name_of(path).startswith(OUTSIDE):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=level), args=args):
                    if owner in LOGGERS and level in LEVELS and len(args) >= LEVELS[level]:
                        text = args[LEVELS[level] - 1]
                        if isinstance(text, ast.Constant) and isinstance(text.value, str):
                            yield text.value, name_of(path)
                case _:
                    pass


def is_listed(text: str, lines: list[str]) -> bool:
    """Whether a line of the page stands for a format. Capital words stand for what differs."""
    patterns = (re.split(r"\b[A-Z]{2,}\b", line) for line in lines)
    return any(re.fullmatch(DIFFERS.join(map(re.escape, each)), text) for each in patterns)


def test_every_log_line_is_explained() -> None:
    lines = [row[2].strip("`") for row in rows(part(OPERATORS, "## Logs")) if len(row) > 2]
    found = list(formats())
    assert len(found) > 10
    assert [f"{where}: {text}" for text, where in found if not is_listed(text, lines)] == []


def test_every_explained_log_line_is_one_that_is_written() -> None:
    written = [text for text, _ in formats()]
    lines = [row[2].strip("`") for row in rows(part(OPERATORS, "## Logs")) if len(row) > 2]
    # Put together in front of the writer, which has no logger of its own.
    lines.remove("NUMBER log records were left out: too many at once")
    assert [line for line in lines if not any(is_listed(text, [line]) for text in written)] == []


def test_a_log_line_that_is_not_explained_is_noticed() -> None:
    assert not is_listed("%s went away", ["NAME came back"])
    assert not is_listed("left behind: %s", ["left NAMES"])
    assert is_listed("%s went away after %.1f s", ["NAME went away after SECONDS s"])


def families(kind: type) -> list[type]:
    """Kinds of this kind, but for those that never reach a log as such."""
    return [each for each in kind.__subclasses__() if each is not QueueAway]


def test_every_kind_of_failure_is_explained() -> None:
    kinds = {
        name
        for name, kind in inspect.getmembers(actors.ports, inspect.isclass)
        if issubclass(kind, PortError) and not families(kind)
    } | {ChatNotStarted.__name__}
    listed = {
        word
        for row in rows(part(OPERATORS, "### What the kinds mean"))
        for word in code_words(row[0])
    }
    assert listed == kinds


# --- architecture ---------------------------------------------------------------------------------


def test_every_port_has_its_row() -> None:
    ports = {
        name
        for module in (actors.ports, actors.pending, actors.costs)
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if getattr(kind, "_is_protocol", False) and name != "Protocol"
    }
    listed = {
        word for row in rows(part(ARCHITECTURE, "## Three floors")) for word in code_words(row[0])
    }
    assert listed == ports | {"Clock", "Entropy"}


def test_the_tree_has_the_children_of_the_root_in_their_order() -> None:
    told = re.findall(r"^    [|`]- (\w+)", str(bridge.app.__doc__), re.MULTILINE)
    tree = next(block for block in blocks(ARCHITECTURE, "") if block.startswith("root"))
    assert re.findall(r"^[├└]─ (\w+)", tree, re.MULTILINE) == told


def policies() -> dict[str, RestartPolicy]:
    """Every policy of the product, by its name."""
    found: dict[str, RestartPolicy] = {"TOOL": TOOL}
    for name, thing in vars(bridge.policies).items():
        if isinstance(thing, RestartPolicy):
            found[name] = thing
        elif name.endswith("_policy"):
            found[name] = thing(5, 60.0)
    return found


def test_every_restart_policy_has_its_row_with_what_it_counts() -> None:
    heading = "## Who is tried again, how often, and what then"
    listed = {
        row[0].strip("`"): set(code_words(row[2])) for row in rows(part(ARCHITECTURE, heading))
    }
    wanted = policies()
    assert set(listed) == {*wanted, "none"}
    broad = {"BaseException", "Exception"}
    for name, policy in wanted.items():
        classes = policy.spares or policy.counts
        names = {kind.__name__ for kind in classes} - broad
        # "the same" as the row before.
        assert listed[name] == (set() if name == "TASK_ATTEMPT" else names), name


def bounds() -> Iterator[tuple[str, str, str]]:
    """Name, value and place of every bound that is stated with a number."""
    for row in rows(part(ARCHITECTURE, "## What is bounded")):
        for name, value in re.findall(r"`([A-Z_]+)` = (\d+)", row[1]):
            yield name, value, row[2]


BOUNDS = list(bounds())


@pytest.mark.parametrize(("name", "value", "place"), BOUNDS, ids=[name for name, *_ in BOUNDS])
def test_every_bound_is_what_it_is_said_to_be(name: str, value: str, place: str) -> None:
    if place.startswith("valve"):
        assert Valves.model_fields[name].default == int(value)
        return
    module = importlib.import_module(place.strip("`").removesuffix(".py").replace("/", "."))
    assert getattr(module, name) == int(value)


def test_the_limits_of_the_file_are_those_of_the_build() -> None:
    told = dict(re.findall(r"`([A-Z_]+_MAX_BYTES)` = (\d+)", ARCHITECTURE))
    assert told == {
        name: str(value) for name, value in vars(build).items() if name.endswith("_MAX_BYTES")
    }


# --- engineers ------------------------------------------------------------------------------------


def test_every_folder_of_tests_and_every_benchmark_is_explained() -> None:
    folders = {name_of(path.parent) + "/" for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(first_cells(part(ENGINEERS, "## Tests"))) == folders
    # Those that are run, and not only imported by the others.
    programs = {
        f"python {name_of(path)}"
        for path in (ROOT / "benchmarks").glob("*.py")
        if f"    python {name_of(path)} " in path.read_text(encoding="utf-8")
    }
    assert set(first_cells(part(ENGINEERS, "## Benchmarks"))) == programs
