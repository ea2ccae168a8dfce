"""Whether a caller whom an agent has left is asked how satisfied they are. Pure."""

from acd.contact import Contact
from acd.domain import Domain
from acd.rules import Survey
from telephony.commands import AskSurvey
from telephony.lots import lot


def survey_of(domain: Domain, contact: Contact) -> AskSurvey | None:
    """The survey about the talk that has just ended; once a contact, never about a call of ours.

    Whether this customer was asked lately is in no memory here: ``AskSurvey.days`` says how long
    one is left alone, and who carries the step out looks.
    """
    rules = _rules(domain, contact.queue)
    if rules is None or not contact.talk or contact.surveyed or "follow_up" in contact.attributes:
        return None
    if lot(f"survey\0{contact.id}") >= rules.share:
        return None
    contact.surveyed = True
    domain.touch(contact)
    return AskSurvey(
        flow=rules.flow,
        days=rules.days,
        language=contact.language,
        caller=contact.caller,
        queue=contact.queue,
        agent=contact.agent,
        offer=contact.talk,
    )


def _rules(domain: Domain, queue: str) -> Survey | None:
    """The queue's own survey, or the house's; a queue may do without."""
    known = domain.company.queues.get(queue)
    if known is None or known.survey is False:
        return None
    return known.survey or domain.company.routing.survey
