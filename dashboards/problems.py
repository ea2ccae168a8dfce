"""Errors that a client may see, in the form of RFC 9457 (``application/problem+json``)."""

from collections.abc import Mapping

from aiohttp import web
from pydantic import ValidationError

from acd.wishes import ActionRefused
from dashboards.views import FieldFault, FileFault, Problem
from store.source import BadFile


class Refusal(Exception):
    """A request that is answered with a problem document.

    Args:
        status: HTTP status.
        code: a word for programs and for the pages' catalogue (``problem.<code>``).
        detail: a sentence for people.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        errors: tuple[FieldFault, ...] = (),
        headers: Mapping[str, str] | None = None,
        faults: tuple[FileFault, ...] = (),
    ) -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.faults = faults

    def response(self) -> web.Response:
        """The answer to send."""
        problem = Problem(
            type=f"urn:huawu:problem:{self.code}",
            title=self.code.replace("-", " ").capitalize(),
            status=self.status,
            detail=self.detail,
            errors=list(self.errors),
            faults=list(self.faults),
        )
        return web.Response(
            status=self.status,
            body=problem.model_dump_json().encode(),
            content_type="application/problem+json",
            headers={"Cache-Control": "no-store", **self.headers},
        )


def invalid(error: ValidationError, where: str) -> Refusal:
    """What pydantic found wrong with a request, each field by its name. Values are not repeated."""
    faults = tuple(
        FieldFault(
            field=".".join(str(step) for step in fault["loc"]) or where, message=fault["msg"]
        )
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    )
    named = ", ".join(dict.fromkeys(fault.field for fault in faults))
    return Refusal(400, "invalid-request", f"cannot accept: {named}", errors=faults)


def refused(refusal: ActionRefused, status: int = 409) -> Refusal:
    """What the distribution does not allow, under the code that its refusal has there."""
    return Refusal(status, "refused-" + refusal.code.replace("_", "-"), str(refusal))


def bad_files(code: str, detail: str, error: BadFile) -> Refusal:
    """Mistakes in files that people write, each with its place and how to put it right."""
    faults = tuple(
        FileFault(file=fault.file.name, line=fault.line, message=fault.text, mend=fault.mend)
        for fault in error.problems
    )
    return Refusal(422, code, detail, faults=faults)


def not_found(what: str) -> Refusal:
    """There is no such thing, or not for this reader: the two look the same."""
    return Refusal(404, "not-found", f"there is no such {what}")
