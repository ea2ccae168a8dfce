"""How satisfied callers were, for supervisors."""

from pydantic import Field

from aftercall.satisfaction import Scores, satisfaction
from dashboards.problems import Refusal
from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import ScoresView, SurveyView, View

DAY = 86_400.0
LONGEST = 366 * DAY


class SurveyQuery(View):
    """Which surveys: Unix seconds; by default those of the last 24 hours."""

    start: float | None = Field(default=None, ge=0)
    end: float | None = Field(default=None, ge=0)
    queue: str = Field(default="", max_length=64)
    agent: str = Field(default="", max_length=64)


async def read_surveys(call: Call) -> Answer:
    """Average, share of 4 and 5, share of those asked who answered; by queue and by agent."""
    query = call.query_as(SurveyQuery)
    end = call.ports.now() if query.end is None else query.end
    start = end - DAY if query.start is None else query.start
    if not 0 <= end - start <= LONGEST:
        raise Refusal(400, "invalid-request", "start lies before end, by at most a year")
    log = call.ports.log
    entries = [
        *await log.of_kind("SurveyOffered", start, end),
        *await log.of_kind("SurveyAnswered", start, end),
    ]
    figures = satisfaction((event for _, event in entries), query.queue, query.agent)
    return SurveyView(
        start=start,
        end=end,
        total=_view(figures.total),
        queues={name: _view(scores) for name, scores in figures.queues.items()},
        agents={name: _view(scores) for name, scores in figures.agents.items()},
    )


def _view(scores: Scores) -> ScoresView:
    return ScoresView(
        asked=scores.asked,
        answered=scores.answered,
        average=scores.average,
        satisfied=scores.satisfied,
        answered_share=scores.answered_share,
        counts={str(score): scores.counts[score] for score in range(1, 6)},
        reasons=dict(scores.reasons),
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/surveys",
        run=read_surveys,
        summary="How satisfied callers were: all, by queue, by agent",
        query=SurveyQuery,
        answer=SurveyView,
        roles=SUPERVISORS,
    ),
)
