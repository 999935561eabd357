"""Decides what each request gets: routes, plan, records. No sockets here."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from bridge.standin.answering import (
    Question,
    document_answer_steps,
    early_refusal,
    objection_of,
    recorded_steps,
    scripted_steps,
)
from bridge.standin.catalog import RECORDED_AUTHOR, catalog_document, is_known_model
from bridge.standin.error_answers import PlainAnswer, error_answer, json_answer
from bridge.standin.frames import Endpoint, JsonObject, generation_id
from bridge.standin.guide import guide_text
from bridge.standin.http1 import HttpRequest
from bridge.standin.plan import Plan, wish_of_model
from bridge.standin.recordings import Recordings
from bridge.standin.records import RecordList, RequestRecord, redacted
from bridge.standin.stage import Steps, plain_steps
from bridge.standin.validation import body_problem, key_problem, parse_body, unknown_model
from bridge.standin.wishes import Subject, Wish, WishRejected, parse_plan

API_PATH = "/api/v1"
SPEC_PATH = "/s/"
REFUSAL_BYTES_MAX = 1000

_KEY_DOCUMENT: JsonObject = {
    "data": {
        "label": "sk-or-v1-standin",
        "limit": 100,
        "limit_remaining": 74.5,
        "limit_reset": "monthly",
        "usage": 25.5,
        "usage_daily": 0.5,
        "usage_weekly": 5.5,
        "usage_monthly": 25.5,
        "byok_usage": 0,
        "is_free_tier": False,
        "include_byok_in_limit": False,
        "expires_at": None,
    }
}


class Desk:
    """See the module docstring."""

    def __init__(self, *, recordings: Recordings) -> None:
        self.plan = Plan()
        self.records = RecordList()
        # Told once the port is known; the guide and the pages show it.
        self.origin = ""
        self._recordings = recordings
        self._serial = 0

    def reset(self) -> None:
        """Forget the plan, the counts and the records."""
        self.plan.clear()
        self.records.clear()

    def answer(self, request: HttpRequest, *, now_s: float) -> tuple[Steps, RequestRecord | None]:
        """Decide what a request gets. `now_s` is the monotonic time it came in."""
        own = self._own_answer(request)
        if own is not None:
            return plain_steps(own, request), None
        record = self._new_record(request, now_s)
        try:
            steps = self._api_steps(request, record)
        except WishRejected as rejected:
            steps = _refused(error_answer(400, str(rejected)), request, record)
        return steps, record

    # --- the stand-in's own pages ---------------------------------------------------------------

    def _own_answer(self, request: HttpRequest) -> PlainAnswer | None:
        match request.method, request.path:
            case "GET", "/":
                text = guide_text(self.origin).encode()
                return PlainAnswer(status=200, body=text, content_type="text/plain; charset=utf-8")
            case "GET", "/_requests":
                return PlainAnswer(status=200, body=msgspec.json.encode(self.records.snapshot()))
            case "DELETE", "/_requests":
                self.records.clear()
                return json_answer({"forgotten": True})
            case "POST", "/_control":
                return self._planned(request.body)
            case "GET", "/_control":
                return json_answer({"planned": len(self.plan)})
            case "DELETE", "/_control":
                self.reset()
                return json_answer({"planned": 0})
            case _:
                return None

    def _planned(self, body: bytes) -> PlainAnswer:
        try:
            self.plan.add(parse_plan(body))
        except WishRejected as rejected:
            return error_answer(400, str(rejected))
        return json_answer({"planned": len(self.plan)})

    # --- the provider's pages -------------------------------------------------------------------

    def _new_record(self, request: HttpRequest, now_s: float) -> RequestRecord:
        self._serial += 1
        record = RequestRecord(
            serial=self._serial,
            method=request.method,
            path=request.target,
            headers=redacted(request.headers),
            received_at_s=now_s,
            body=parse_body(request.body),
            body_bytes=len(request.body),
        )
        self.records.add(record)
        return record

    def _api_steps(self, request: HttpRequest, record: RequestRecord) -> Steps:
        spec, path = _split_path(request.path)
        match request.method, path:
            case "GET", "/models":
                document = catalog_document(request.query, self._recordings.names())
                return self._document_steps(request, record, spec, "models", document)
            case "GET", "/key":
                problem = key_problem(request.headers)
                if problem is not None:
                    return plain_steps(problem, request)
                return self._document_steps(request, record, spec, "key", _KEY_DOCUMENT)
            case "POST", Endpoint.RESPONSES.value:
                return self._generation_steps(request, record, spec, Endpoint.RESPONSES)
            case "POST", Endpoint.CHAT.value:
                return self._generation_steps(request, record, spec, Endpoint.CHAT)
            case _, "/models" | "/key" | Endpoint.RESPONSES.value | Endpoint.CHAT.value:
                return plain_steps(error_answer(405, "Method not allowed"), request)
            case _:
                return plain_steps(error_answer(404, "Not Found"), request)

    def _document_steps(
        self,
        request: HttpRequest,
        record: RequestRecord,
        spec: str,
        subject: Subject,
        document: JsonObject,
    ) -> Steps:
        wish = self.plan.from_spec(spec, subject)
        refused = _note_fault(record, wish, request)
        if refused is not None:
            return plain_steps(refused, request)
        return document_answer_steps(request, wish, document, generation_id(record.serial))

    def _generation_steps(
        self, request: HttpRequest, record: RequestRecord, spec: str, endpoint: Endpoint
    ) -> Steps:
        problem = key_problem(request.headers)
        if problem is not None:
            return _refused(problem, request, record)
        document = parse_body(request.body)
        if document is None:
            return _refused(error_answer(400, "The body is no JSON object."), request, record)
        problem = body_problem(endpoint, document)
        if problem is not None:
            return _refused(problem, request, record)
        question = Question(
            request=request,
            endpoint=endpoint,
            document=document,
            response_id=generation_id(record.serial),
        )
        wish = self._wish(question, spec)
        if wish is None:
            return _refused(unknown_model(question.model), request, record)
        refused = _note_fault(record, wish, request)
        if refused is not None:
            return plain_steps(refused, request)
        problem = objection_of(question, wish)
        if problem is not None:
            return _refused(problem, request, record)
        return self._steps_of(question, wish)

    def _wish(self, question: Question, spec: str) -> Wish | None:
        """Choose: the plan, then the URL, then the model. None: there is no such model."""
        planned = self.plan.next_planned()
        if planned is not None:
            return planned
        if spec:
            return self.plan.from_spec(spec, "generation")
        author, _, name = question.model.partition("/")
        if author == RECORDED_AUTHOR and self._recordings.get(name) is not None:
            return Wish(recording=name)
        if is_known_model(question.model):
            return wish_of_model(question.model) or Wish()
        return wish_of_model(question.model)

    def _steps_of(self, question: Question, wish: Wish) -> Steps:
        if not wish.recording:
            return scripted_steps(question, wish)
        recording = self._recordings.get(wish.recording)
        if recording is None:
            raise WishRejected(f"There is no recording {wish.recording!r}.")
        return recorded_steps(question, wish, recording)


def _split_path(path: str) -> tuple[str, str]:
    """Return the spec of a path, or an empty one, and the path below the API."""
    spec = ""
    if path.startswith(SPEC_PATH):
        spec, _, rest = path.removeprefix(SPEC_PATH).partition("/")
        path = f"/{rest}"
    below = path.removeprefix(API_PATH)
    return spec, below if below != path else path


def _refused(answer: PlainAnswer, request: HttpRequest, record: RequestRecord) -> Steps:
    """Refuse a request, and write down why."""
    record.refusal = answer.body[:REFUSAL_BYTES_MAX].decode(errors="replace")
    return plain_steps(answer, request)


def _note_fault(record: RequestRecord, wish: Wish, request: HttpRequest) -> PlainAnswer | None:
    """Write the fault into the record, and return its answer when it comes as a status."""
    record.fault = wish.fault.value if wish.fault is not None else None
    return early_refusal(wish.fault, wish, request, datetime.now(tz=UTC))
