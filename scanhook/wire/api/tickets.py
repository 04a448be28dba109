"""``POST /tickets/check``: who came from which product page, and whether their item is genuine.

For pages of the brand's own behind a product page's link. The ticket stands in the body, so no access log holds it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from scanhook.errors import Refused, WechatRefused, WechatUnreachable
from scanhook.office import KeyScope
from scanhook.registry import Reason
from scanhook.tickets import Checked, Proof, Unbound
from scanhook.wechat.ticket import TICKET_INVALID, TICKET_MAX_CHARS, proper_ticket
from scanhook.wire.api.operation import Call, Operation
from scanhook.wire.api.picturing import shown_as
from scanhook.wire.api.problems import FieldFault, Stop, problem
from scanhook.wire.api.schema import AccountName, Answer, AnswerWord, ExtInfo, Given, Moment, answer_word
from scanhook.wire.service import Service

__all__ = ["OPERATIONS", "TicketChecked", "told_of"]

_RETRY_AFTER_S = 2


def _proper(ticket: str) -> str:
    try:
        return proper_ticket(ticket)
    except Refused as error:
        raise ValueError(error.why) from None


class TicketGiven(Given):
    """A ticket, and the code that stands beside it in the link."""

    account: AccountName | None = None
    ticket: Annotated[
        str, Field(max_length=TICKET_MAX_CHARS, description="The link's `wxticket`."), AfterValidator(_proper)
    ]
    extinfo: Annotated[
        ExtInfo | None, Field(description="The link's `wxextinfo`; without it nothing is told of an item.")
    ] = None


class ProductShown(Answer):
    """The product whose page the person came from."""

    keystandard: str
    keystr: str
    known: Annotated[bool, Field(description="Whether the registry has it.")]
    name: Annotated[str | None, Field(description="From the catalog.")]
    image: Annotated[str | None, Field(description="The address of a picture, from the catalog.")]


class ScanShown(Answer):
    """The scan that binds the ticket to the code, and what it was answered."""

    at: Moment
    verdict: AnswerWord
    reason: Reason


class ItemShown(Answer):
    """The item, as the registry has it now."""

    verdict: AnswerWord
    reason: Reason
    batch: str | None
    position: int | None
    scans: int
    persons: int
    first_scan: Moment | None
    counted_since: Annotated[
        Moment | None, Field(description="Since when scans and persons are counted; null: from the beginning.")
    ]
    scan: ScanShown


class TicketChecked(Answer):
    """What WeChat says of a ticket, and what the journal lets be said of an item."""

    account: str
    product: ProductShown
    person: Annotated[str, Field(description="The openid of whoever came. Personal data.")]
    scene: Annotated[str, Field(description="How the product page was opened: `scan` or `others`.")]
    is_check: Annotated[bool, Field(description="Whether the code was scanned, as WeChat says.")]
    is_contact: Annotated[bool, Field(description="Whether the person follows the account.")]
    bound: Annotated[
        bool, Field(description="Whether this person has scanned this very code in the last minutes, by our journal.")
    ]
    unbound: Annotated[Unbound | None, Field(description="Why it is not bound.")]
    item: Annotated[ItemShown | None, Field(description="Only where it is bound.")]


def _check(call: Call) -> TicketChecked:
    given: TicketGiven = call.body
    account, desk = call.account(given.account), call.service.desk
    try:
        desk.open(account)
    except Refused as error:
        raise problem(409, error.why, type_="urn:scanhook:no-api") from None
    try:
        checked = desk.check(account, given.ticket, given.extinfo)
    except WechatRefused as error:
        raise _refused(error) from None
    except WechatUnreachable as error:
        raise problem(503, error.why, headers={"Retry-After": str(_RETRY_AFTER_S)}) from None
    return told_of(call.service, account, checked)


def _refused(error: WechatRefused) -> Stop:
    if error.code == TICKET_INVALID:
        why = "WeChat does not know it: it is older than 20 minutes, or of another account"
        faults = [FieldFault(field="ticket", message=why)]
        return problem(422, f"the ticket: {why}", type_="urn:scanhook:ticket-invalid", errors=faults)
    if error.permanent:
        return problem(502, error.why, type_="urn:scanhook:wechat-refused")
    return problem(503, error.why, headers={"Retry-After": str(_RETRY_AFTER_S)})


def told_of(service: Service, account: str, checked: Checked) -> TicketChecked:
    """Return what is answered to whoever may ask about a ticket, over the API and on a terminal."""
    ticket, product = checked.ticket, checked.product
    shown = shown_as(service, product) if product else None
    return TicketChecked(
        account=account,
        product=ProductShown(
            keystandard=ticket.key_standard,
            keystr=ticket.key_str,
            known=product is not None,
            name=(shown and shown.name) or None,
            image=(shown and shown.image) or None,
        ),
        person=ticket.openid,
        scene=ticket.scene,
        is_check=ticket.is_check,
        is_contact=ticket.is_contact,
        bound=checked.proof is not None,
        unbound=checked.unbound,
        item=_item(checked.proof) if checked.proof else None,
    )


def _item(proof: Proof) -> ItemShown:
    verdict, entry, tally = proof.verdict, proof.sighting.entry, proof.tally
    code = verdict.look_up.code
    return ItemShown(
        verdict=answer_word(verdict.code_result),
        reason=verdict.reason,
        batch=code.batch if code else None,
        position=code.position if code else None,
        scans=tally.scans if tally else 0,
        persons=tally.persons if tally else 0,
        first_scan=tally.first_at if tally else None,
        counted_since=proof.counted_since,
        scan=ScanShown(at=entry.received_at, verdict=answer_word(entry.code_result), reason=Reason(entry.reason)),
    )


OPERATIONS = (
    Operation(
        id="check_ticket",
        method="POST",
        path="/tickets/check",
        tag="tickets",
        summary="Ask WeChat who came with a ticket, and whether their item is genuine. Nothing is counted.",
        scope=KeyScope.READ,
        handle=_check,
        body=TicketGiven,
        answer=TicketChecked,
        problems=(409, 502),
    ),
)
