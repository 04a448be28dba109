from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import apsw
import pytest

from scanhook.clock import FixedClock
from scanhook.envelope import AesKey, Format, Keyring, Mode
from scanhook.errors import NotAuthentic, ScanhookError, StorageError, Undecided, VerifierFailed
from scanhook.journal import JournalStore, erase_person
from scanhook.journal.sqlite import SqliteJournal
from scanhook.message import CodeResult
from scanhook.receive import Account, Answer, Heard, Judged, Meter, Opened, Receiver
from scanhook.registry import LookUp, Reason, RegistryStore
from scanhook.sandbox import Push, open_answer
from scanhook.settings import House, load_settings
from scanhook.verdict import Finding, Judge, Link, Question
from scanhook.wire.service import Service, open_service
from tests.conftest import APP_ID, ENCODED_KEY, OPENID, ORIGINAL_ID, TOKEN, stock, vectors_of
from tests.serving import compose, journal_size, rows, scan_fields, scan_push, traces

NOW = 1447848570
RANDOM = b"0123456789abcdef"
SUCCESS = Answer(body=b"success", content_type="text/plain; charset=utf-8")


@dataclass(slots=True)
class Told:
    """What the receiver told its meter."""

    pushed: list[tuple[str, str]] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    warned: list[tuple[str, str]] = field(default_factory=list)
    commits: int = 0

    def meter(self) -> Meter:
        return Meter(
            pushed=lambda event, outcome, count: self.pushed.extend([(event, outcome)] * count),
            judged=lambda reason, count: self.judged.extend([reason] * count),
            committed=self._committed,
            warned=lambda account, why: self.warned.append((account, why)),
        )

    def _committed(self, seconds: float) -> None:
        assert seconds >= 0
        self.commits += 1


@dataclass(slots=True)
class Oracle:
    """A verifier whose answer is decided by the test."""

    answer: Callable[[Question], Finding]
    waits: bool = True

    def verify(self, question: Question) -> Finding:
        return self.answer(question)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """A receiver with everything that stands around it."""

    service: Service
    receiver: Receiver
    clock: FixedClock
    told: Told

    @property
    def account(self) -> Account:
        return self.service.accounts["main"]

    @property
    def keys(self) -> Keyring:
        return self.account.keys

    @property
    def journal(self) -> JournalStore:
        return self.service.journal

    def receive(self, push: Push, *, account: Account | None = None) -> Answer:
        return self.receiver.receive(account or self.account, push.query.encode(), push.body)

    def scan(self, ext_info: str = "GENUINE0001", *, at: int = NOW, **changed: object) -> str:
        return self.verdict(scan_push(ext_info, keys=self.keys, at=at, **changed))

    def opened(self, ext_info: str, **changed: object) -> Opened:
        push = scan_push(ext_info, keys=self.keys, at=NOW, **changed)
        opened = self.receiver.opened(self.account, push.query.encode(), push.body)
        assert isinstance(opened, Opened)
        return opened

    def verdict(self, push: Push) -> str:
        return self.told_in(self.receive(push))

    def told_in(self, answer: Answer | ScanhookError) -> str:
        assert isinstance(answer, Answer)
        opened = self.open(answer)
        return "success" if opened is None else str(opened["ScanProduct"]["AntiFake"]["CodeResult"])

    def open(self, answer: Answer, *, keys: Keyring | None = None) -> Any:
        return open_answer(answer.body, keys=keys or self.keys)

    def ask(self, answer: Callable[[Question], Finding], *, timeout_s: float = 2.0) -> None:
        """Let another verifier decide from now on."""
        self.receiver = replace(
            self.receiver, judge=Judge([Link(name="oracle", verifier=Oracle(answer))], timeout_s=timeout_s)
        )

    def close(self) -> None:
        self.receiver.judge.close()
        self.service.close()


@pytest.fixture
def house(stocked_house: House) -> House:
    return stocked_house


@pytest.fixture
def desk(house: House) -> Iterator[Desk]:
    told, clock = Told(), FixedClock(NOW)
    service = open_service(house, meter=told.meter(), clock=clock)
    opened = Desk(
        service=service, receiver=replace(service.receiver, random=lambda size: RANDOM[:size]), clock=clock, told=told
    )
    yield opened
    opened.close()


def finding(reason: Reason) -> Callable[[Question], Finding]:
    return lambda _question: Finding(reason=reason)


def failing(_question: Question) -> Finding:
    raise VerifierFailed("it is down")


@pytest.mark.parametrize("vector", [vector for vector in vectors_of("push") if vector.id == "scan-product-callback"])
def test_the_push_of_the_seed_is_answered_byte_for_byte(desk: Desk, house: House, vector: dict[str, str]) -> None:
    stock(house, codes="keystandard,keystr,extinfo,status\nqrcode,weixin_antifake,hyhy,active\n")
    query = "timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={msg_signature}".format_map(vector)
    body = f"<xml><ToUserName>gh_fbe8a958756e</ToUserName><Encrypt>{vector['encrypt']}</Encrypt></xml>"
    answer = desk.receiver.receive(desk.account, query.encode(), body.encode())
    assert answer.content_type == "application/xml; charset=utf-8"
    assert answer.body.decode() == (
        "<xml><Encrypt><![CDATA["
        "uMMzGtqcnpOzXOYBwDQNrVIeUIrl6AINeAep5/vZnlHmcsMOJD9ETbGkno+JCfGUOE6K/+EeaRopeia3uMW39iI2UsyzlA/kzOuPUtB5xTZC"
        "+CCqYyyhtq9RCRu4iBqejm0SqtpaYy32JAjT8+JN8Xq8Nl94M4q3HSYyplGmmsk7zbpjR0V9iOY+v3bqrn25tJOb4SSOzc3/OFFd1vFpeDjf"
        "/yTxekJMirbVfK1snIcf8fAeXtAUEiyv8ZE+98N5b3XZDiNPvDl9ijDADnp5A/sR7j2JBRmLKX4jgiJlR2pumpvr8yPj6ntBLeDycC6wCZPJ"
        "e10g9s24CzojjOpBltQYPPJlouMZNs19PC6MgCMyqQ0AVYN5HFCRbIoaKIDUtd6KaJm9tQTfyMs8b0vimgGvb6ZFNs8Kw5iDSxrVwydHVmyl"
        "9oFpQjp/BsjFY4ErHWmsk9NXbR5IdqEk38a47EvMbO8pSWOC84NEBuz/+3Zez6SSFRcZpWuDhPnDRxE34t7J+Q4mO/cnDpH2Z5Lk/DbgAKiE"
        "WmhCAwaAw90XjKX534hh1SqCYopzGZrW2vTHe06bhpDkmEVqhKVdaII9ywabQdz0cTZi5iKWCs32Je1bM+W8sW/F62ieRoTyF4X1"
        "]]></Encrypt><MsgSignature><![CDATA[1ee4c28a120290e69fb90ab11d765db31b90abec]]></MsgSignature>"
        "<TimeStamp>1447848570</TimeStamp><Nonce><![CDATA[415670741]]></Nonce></xml>"
    )


@pytest.mark.parametrize("vector", [vector for vector in vectors_of("signature") if vector.id == "url-verification"])
def test_a_url_verification_gets_its_echostr_back(desk: Desk, vector: dict[str, str]) -> None:
    desk.clock.at = 1714036504 - 300
    query = "signature={signature}&echostr={echostr}&timestamp={timestamp}&nonce={nonce}".format_map(vector)
    answer = desk.receiver.echo(desk.account, query.encode())
    assert answer == Answer(body=b"4375120948345356249", content_type="text/plain; charset=utf-8")
    desk.clock.at -= 1
    with pytest.raises(NotAuthentic):
        desk.receiver.echo(desk.account, query.encode())


@pytest.mark.parametrize(
    ("ext_info", "verdict", "reason"),
    [
        ("GENUINE0001", "real", "active"),
        ("PRINTED0003", "not_active", "not_active"),
        ("COPIED99999", "fake", "unknown_code"),
        ("", "success", "no_code"),
    ],
)
def test_each_finding_has_its_answer(desk: Desk, ext_info: str, verdict: str, reason: str) -> None:
    assert desk.scan(ext_info) == verdict
    assert [(entry.reason, entry.received_at) for entry in desk.journal.tail(9)] == [(reason, NOW)]
    assert desk.told.judged == [reason]
    assert desk.told.pushed == [("scan_product_callback", verdict)]
    assert desk.told.commits == 1
    assert desk.told.warned == []


def test_need_anti_fake_changes_nothing(desk: Desk) -> None:
    assert desk.scan(NeedAntiFake="false") == "real"
    assert desk.scan(NeedAntiFake=None, CreateTime=NOW + 1) == "real"


def test_a_reply_repeats_the_push_and_is_addressed_to_the_person(desk: Desk) -> None:
    reply = desk.open(desk.receive(scan_push("  ＣＯＰＩＥＤ]]><x>&\n", keys=desk.keys, at=NOW)))
    assert reply == {
        "ToUserName": OPENID,
        "FromUserName": ORIGINAL_ID,
        "CreateTime": "1447848570",
        "MsgType": "scanproduct",
        "ScanProduct": {
            "KeyStandard": "qrcode",
            "KeyStr": "moment-frame",
            "ExtInfo": "  ＣＯＰＩＥＤ]]><x>&\n",
            "AntiFake": {"CodeResult": "fake"},
        },
    }


def test_a_repeat_gets_the_first_verdict_although_the_registry_changed(desk: Desk) -> None:
    assert desk.scan() == "real"
    product = desk.service.registry.find_product("main", "qrcode", "moment-frame")
    assert product is not None
    fake = replace(product, verdicts={Reason.ACTIVE: CodeResult.FAKE})
    desk.service.registry.save_product(fake, was=product)
    assert [desk.scan(), desk.scan()] == ["real", "real"]
    assert desk.scan(CreateTime=NOW + 1) == "fake"
    assert [outcome for _, outcome in desk.told.pushed] == ["real", "repeated", "repeated", "fake"]
    assert desk.told.judged == ["active", "active"]
    tag = desk.journal.tail(1)[0].tag
    assert tag is not None
    tally = desk.journal.tally(tag)
    assert tally is not None
    assert (tally.scans, tally.persons) == (2, 1)


def test_a_repeat_is_not_judged_again(desk: Desk) -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Finding:
        asked.append(question)
        return Finding(reason=Reason.ACTIVE)

    desk.ask(answer)
    assert [desk.scan(), desk.scan()] == ["real", "real"]
    assert [(question.account, question.ext_info, question.asked_at) for question in asked] == [
        ("main", "GENUINE0001", NOW)
    ]


def test_a_reply_bears_the_time_of_its_verdict_and_its_envelope_the_present(desk: Desk) -> None:
    push = scan_push(keys=desk.keys, at=NOW)
    first = desk.receive(push)
    desk.clock.at = NOW + 5
    repeated = desk.receive(push)
    assert [desk.open(answer)["CreateTime"] for answer in (first, repeated)] == ["1447848570", "1447848570"]
    assert b"<TimeStamp>1447848570</TimeStamp>" in first.body
    assert b"<TimeStamp>1447848575</TimeStamp>" in repeated.body


def test_an_undecided_scan_is_recorded_and_completed_by_the_next_push(desk: Desk) -> None:
    desk.ask(failing)
    with pytest.raises(Undecided, match="it is down"):
        desk.scan()
    (undecided,) = desk.journal.tail(9)
    assert (undecided.reason, undecided.code_result, undecided.tag) == ("undecided", None, None)
    desk.clock.at = NOW + 5
    desk.ask(finding(Reason.VOID))
    assert desk.scan() == "fake"
    (entry,) = desk.journal.tail(9)
    assert (entry.number, entry.received_at, entry.reason, entry.decided_at) == (
        undecided.number,
        NOW,
        "void",
        NOW + 5,
    )
    assert [outcome for _, outcome in desk.told.pushed] == ["undecided", "fake"]
    assert desk.told.judged == ["void"]


def test_a_scan_stays_undecided_as_long_as_nobody_decides(desk: Desk) -> None:
    desk.ask(failing)
    for _ in range(3):
        with pytest.raises(Undecided):
            desk.scan()
    assert [entry.reason for entry in desk.journal.tail(9)] == ["undecided"]
    assert desk.told.judged == []


def test_a_late_verdict_answers_the_push_that_comes_again(desk: Desk) -> None:
    go_on = threading.Event()

    def wait(_question: Question) -> Finding:
        assert go_on.wait(10)
        return Finding(reason=Reason.RECALLED)

    desk.ask(wait, timeout_s=0.01)
    with pytest.raises(Undecided, match="took longer than"):
        desk.scan()
    assert desk.told.judged == []
    go_on.set()
    desk.receiver.judge.close()  # waits for the verifier, and starts no other call
    assert desk.told.judged == ["recalled"]
    assert desk.scan() == "real"
    assert journal_size(desk.service.house) == (1, 0)


def test_what_is_there_is_answered_only_when_a_transaction_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be read on a primary may be on no standby yet; a commit waits for that."""
    desk.ask(lambda _question: Finding(reason=Reason.ACTIVE))
    assert desk.scan() == "real"
    break_journal(desk, monkeypatch)
    with pytest.raises(StorageError):
        desk.scan()
    monkeypatch.undo()
    desk.ask(failing)
    assert desk.scan() == "real"


def test_a_late_verdict_that_cannot_be_stored_warns_staff(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def wait(_question: Question) -> Finding:
        assert go_on.wait(10)
        return Finding(reason=Reason.ACTIVE)

    desk.ask(wait, timeout_s=0.01)
    with pytest.raises(Undecided):
        desk.scan()
    break_journal(desk, monkeypatch)
    go_on.set()
    desk.receiver.judge.close()
    assert desk.told.warned == [("main", "a verdict that came late could not be stored: the disk is full")]


def test_a_verdict_that_another_worker_found_meanwhile_is_answered(desk: Desk) -> None:
    other = replace(desk.receiver, meter=Meter())

    def fail_after_the_other_has_decided(_question: Question) -> Finding:
        push = scan_push(keys=desk.keys, at=NOW)
        other.receive(desk.account, push.query.encode(), push.body)
        raise VerifierFailed("it is down")

    desk.ask(fail_after_the_other_has_decided)
    assert desk.scan() == "real"
    assert desk.told.pushed == [("scan_product_callback", "repeated")]
    assert journal_size(desk.service.house) == (1, 0)


def test_of_two_verdicts_at_once_the_first_on_disk_is_answered(desk: Desk) -> None:
    other = replace(desk.receiver, meter=Meter())

    def say_fake_after_the_other_said_real(_question: Question) -> Finding:
        push = scan_push(keys=desk.keys, at=NOW)
        other.receive(desk.account, push.query.encode(), push.body)
        return Finding(reason=Reason.VOID)

    desk.ask(say_fake_after_the_other_said_real)
    assert desk.scan() == "real"
    assert desk.told.pushed == [("scan_product_callback", "repeated")]
    assert desk.told.judged == []


def test_success_may_stand_for_undecided_if_the_settings_say_so(desk: Desk) -> None:
    desk.ask(failing)
    desk.receiver = replace(desk.receiver, success_when_undecided=True)
    answer = desk.receive(scan_push(keys=desk.keys, at=NOW))
    assert answer == SUCCESS
    assert [entry.reason for entry in desk.journal.tail(9)] == ["undecided"]
    assert desk.told.pushed == [("scan_product_callback", "undecided")]
    ((account, why),) = desk.told.warned
    assert (account, why) == ("main", "answered `success` without a verdict: oracle: it is down")


def test_the_settings_choose_success_for_undecided(house: House) -> None:
    text = house.path.read_text().replace("[verifier]", '[verifier]\non_undecided = "success"')
    house.path.write_text(text)
    service = open_service(load_settings(house.path))
    assert service.receiver.success_when_undecided is True
    service.close()


def test_what_cannot_be_stored_is_not_answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    break_journal(desk, monkeypatch)
    with pytest.raises(StorageError, match="the disk is full"):
        desk.scan()
    assert desk.told.pushed == [("scan_product_callback", "undecided")]
    desk.receiver = replace(desk.receiver, success_when_undecided=True)
    assert desk.scan() == "success"


def test_an_event_that_cannot_be_stored_is_not_answered_and_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(desk, monkeypatch)
    with pytest.raises(StorageError, match="the disk is full"):
        desk.scan(Event="user_scan_product")
    assert desk.told.pushed == [("user_scan_product", "undecided")]


def visits(desk: Desk, count: int) -> list[Opened]:
    """Return visits of a product's page, by one person each."""
    return [desk.opened("GENUINE0001", FromUserName=f"o{n}", Event="user_scan_product") for n in range(count)]


def settled(desk: Desk, pushes: list[Opened]) -> list[Answer | ScanhookError]:
    """Judge a group and put it on the disk."""
    judged = [one for one in desk.receiver.judged_all(pushes) if isinstance(one, Heard | Judged)]
    assert len(judged) == len(pushes)
    return desk.receiver.settle(judged)


@pytest.fixture
def begun(desk: Desk) -> Iterator[list[str]]:
    """Note every transaction that this thread begins in the journal, or tries to."""
    seen: list[str] = []

    def trace(_cursor: object, statement: str, _bindings: object) -> bool:
        if statement.startswith("BEGIN"):
            seen.append(statement)
        return True

    assert isinstance(desk.journal, SqliteJournal)
    connection = desk.journal.database.connection
    connection.exec_trace = trace
    yield seen
    connection.exec_trace = None


def test_the_events_of_a_group_are_looked_up_at_once_and_make_one_transaction(
    desk: Desk, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    look_up_all = type(desk.receiver.registry).look_up_all

    def looking(registry: RegistryStore, asked: Sequence[tuple[str, str, str, str]]) -> list[LookUp]:
        sizes.append(len(asked))
        return look_up_all(registry, asked)

    monkeypatch.setattr(type(desk.receiver.registry), "look_up_all", looking)
    found = settled(desk, visits(desk, 8))

    assert found == [SUCCESS] * 8
    assert (sizes, begun) == ([8], ["BEGIN IMMEDIATE"])
    assert desk.told.pushed == [("user_scan_product", "success")] * 8


def test_scans_and_other_events_of_a_group_keep_their_places(desk: Desk, house: House) -> None:
    visit, again = (desk.opened("PRINTED0003", Event="user_scan_product") for _ in range(2))
    enter = desk.opened("PRINTED0003", Event="user_scan_product_enter_session")
    pushes = [visit, desk.opened("GENUINE0001"), enter, again, desk.opened("COPIED99999", FromUserName="o2")]
    found = settled(desk, pushes)

    assert [desk.told_in(one) for one in found] == ["success", "real", "success", "success", "fake"]
    assert desk.told.pushed == [
        ("scan_product_callback", "real"),
        ("scan_product_callback", "fake"),
        ("user_scan_product", "success"),
        ("user_scan_product_enter_session", "success"),
        ("user_scan_product", "repeated"),
    ]
    assert rows(house, "SELECT event FROM events ORDER BY id") == [
        ("user_scan_product",),
        ("user_scan_product_enter_session",),
    ]


def test_nothing_is_on_the_disk_before_a_group_is_settled(desk: Desk, house: House, begun: list[str]) -> None:
    found = desk.receiver.judged_all([desk.opened("GENUINE0001"), *visits(desk, 2)])
    assert [type(one) for one in found] == [Judged, Heard, Heard]
    assert begun == []
    assert desk.told.pushed == []
    assert journal_size(house) == (0, 0)


def test_a_group_is_stored_whole_or_not_at_all(desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    group = [*visits(desk, 1), desk.opened("GENUINE0001")]
    with monkeypatch.context() as patched:
        break_journal(desk, patched)
        assert [str(one) for one in settled(desk, group)] == ["the disk is full"] * 2
    assert journal_size(house) == (0, 0)
    assert [desk.told_in(one) for one in settled(desk, group)] == ["success", "real"]
    assert journal_size(house) == (1, 1)
    assert desk.told.pushed == [
        ("user_scan_product", "undecided"),
        ("scan_product_callback", "undecided"),
        ("scan_product_callback", "real"),
        ("user_scan_product", "success"),
    ]


def test_events_whose_codes_cannot_be_looked_up_are_not_stored_and_counted(
    desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StorageError("the registry is gone")

    monkeypatch.setattr(type(desk.receiver.registry), "look_up_all", gone)
    found = desk.receiver.judged_all(visits(desk, 2))
    assert [str(one) for one in found] == ["the registry is gone"] * 2
    with pytest.raises(StorageError, match="the registry is gone"):
        desk.scan(Event="user_scan_product")
    assert desk.told.pushed == [("user_scan_product", "undecided")] * 3
    assert journal_size(house) == (0, 0)


def test_behind_a_journal_that_somebody_holds_a_group_of_events_waits_once(
    desk: Desk, house: House, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.02)
    group = visits(desk, 8)
    held = apsw.Connection(str(house.base / "data" / "journal.db"))
    held.execute("BEGIN IMMEDIATE")
    found = settled(desk, group)
    held.execute("ROLLBACK")
    held.close()

    assert begun == ["BEGIN IMMEDIATE"]
    assert [type(one) for one in found] == [StorageError] * 8
    assert desk.told.pushed == [("user_scan_product", "undecided")] * 8
    assert journal_size(house) == (0, 0)
    assert settled(desk, group) == [SUCCESS] * 8
    assert desk.told.pushed[8:] == [("user_scan_product", "success")] * 8


def break_journal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(type(desk.journal), "store_all", full)


def test_a_push_for_another_account_is_refused(desk: Desk, house: House) -> None:
    with pytest.raises(NotAuthentic) as refused:
        desk.scan(ToUserName="gh_somebodyelse")
    assert refused.value.kind == "to_user_name"
    assert journal_size(house) == (0, 0)
    assert desk.told.pushed == []


def test_only_what_is_sealed_counts_in_compat_mode(desk: Desk) -> None:
    keys = replace(desk.keys, mode=Mode.COMPAT)
    push = compose(scan_fields("COPIED99999", at=NOW), keys=keys, at=NOW)
    forged = replace(push, body=push.body.replace(b"COPIED99999", b"GENUINE0001"))
    assert forged.body != push.body
    answer = desk.receive(forged, account=replace(desk.account, keys=keys))
    reply = desk.open(answer)
    assert reply["ScanProduct"]["AntiFake"]["CodeResult"] == "fake"
    assert reply["ScanProduct"]["ExtInfo"] == "COPIED99999"


@pytest.mark.parametrize(
    ("format_", "content_type", "begin"),
    [
        (Format.XML, "application/xml; charset=utf-8", b"<xml><ToUserName><![CDATA[otAz"),
        (Format.JSON, "application/json", b'{"ToUserName":"otAz'),
    ],
)
def test_a_plain_push_is_answered_plainly_in_its_own_language(
    desk: Desk, format_: Format, content_type: str, begin: bytes
) -> None:
    keys = replace(desk.keys, mode=Mode.PLAIN, aes_keys=())
    push = compose(scan_fields(at=NOW), keys=keys, at=NOW, format_=format_)
    answer = desk.receive(push, account=replace(desk.account, keys=keys))
    assert answer.content_type == content_type
    assert answer.body.startswith(begin)
    assert desk.open(answer)["ScanProduct"]["AntiFake"] == {"CodeResult": "real"}


def test_a_push_with_previous_secrets_is_answered_with_them(desk: Desk) -> None:
    new = AesKey(encoded="B" * 42 + "A")
    both = replace(desk.keys, tokens=("Newer1", TOKEN), aes_keys=(new, AesKey(encoded=ENCODED_KEY)))
    push = compose(scan_fields(at=NOW), keys=desk.keys, at=NOW, format_=Format.JSON)
    answer = desk.receive(push, account=replace(desk.account, keys=both))
    assert desk.open(answer)["ScanProduct"]["AntiFake"] == {"CodeResult": "real"}
    with pytest.raises(NotAuthentic):
        desk.open(answer, keys=replace(both, aes_keys=(new,)))
    # SHA-1 over the old token, 1447848570, 415670741 and Encrypt.
    assert json.loads(answer.body)["MsgSignature"] == "9746633464ff8f4912444ec770ad5e7792a0960f"


def test_a_push_with_the_new_secrets_is_answered_with_the_new_ones(desk: Desk) -> None:
    new = AesKey(encoded="B" * 42 + "A")
    both = replace(desk.keys, tokens=("Newer1", TOKEN), aes_keys=(new, AesKey(encoded=ENCODED_KEY)))
    answer = desk.receive(scan_push(keys=both, at=NOW), account=replace(desk.account, keys=both))
    assert desk.open(answer, keys=both)["ScanProduct"]["AntiFake"] == {"CodeResult": "real"}


HEAD = {"ToUserName": ORIGINAL_ID, "FromUserName": OPENID, "CreateTime": 1438250110, "MsgType": "event"}


@pytest.mark.parametrize(
    ("said", "product", "fields"),
    [
        pytest.param(
            {
                "Event": "user_scan_product",
                "KeyStandard": "ean13",
                "KeyStr": "6901481811083",
                "Country": "中国",
                "Province": "广东",
                "City": "揭阳",
                "Sex": "1",
                "Scene": "2",
                "ExtInfo": "VISITED0004",
            },
            ("user_scan_product", "ean13", "6901481811083"),
            {"country": "中国", "province": "广东", "city": "揭阳", "sex": "1", "scene": "2"},
            id="page visit",
        ),
        pytest.param(
            {"Event": "subscribe", "EventKey": "scanbarcode|ean13|6901481811083|VISITED0004"},
            ("subscribe", "ean13", "6901481811083"),
            {"scene": "scanbarcode"},
            id="subscribe",
        ),
        pytest.param(
            {
                "Event": "user_scan_product_enter_session",
                "KeyStandard": "ena13",
                "KeyStr": "6954767461373",
                "ExtInfo": "",
            },
            ("user_scan_product_enter_session", "ena13", "6954767461373"),
            {},
            id="enter session",
        ),
        pytest.param(
            {
                "Event": "user_scan_product_async",
                "KeyStandard": "qrcode",
                "KeyStr": "lincolntest2",
                "ExtInfo": "VISITED0004",
                "RegionCode": "440105",
            },
            ("user_scan_product_async", "qrcode", "lincolntest2"),
            {"region_code": "440105"},
            id="region",
        ),
        pytest.param(
            {
                "Event": "user_scan_product_verify_action",
                "KeyStandard": "ean13",
                "KeyStr": "6901481811083",
                "Result": "verify_not_pass",
                "ReasonMsg": "图片不清晰",
            },
            ("user_scan_product_verify_action", "ean13", "6901481811083"),
            {"result": "verify_not_pass", "reason_msg": "图片不清晰"},
            id="review",
        ),
    ],
)
@pytest.mark.parametrize("format_", list(Format))
def test_the_other_events_are_noted_field_by_field_without_openid_or_code(
    desk: Desk,
    house: House,
    said: dict[str, str],
    product: tuple[str, str, str],
    fields: dict[str, str],
    format_: Format,
) -> None:
    push = compose({**HEAD, **said}, keys=desk.keys, at=NOW, format_=format_)
    for outcome in ("success", "repeated"):
        assert desk.receive(push).body == b"success"
        assert desk.told.pushed[-1] == (product[0], outcome)
    columns = "event, key_standard, key_str, received_at, account, create_time, fields"
    ((*noted, said_besides),) = rows(house, f"SELECT {columns} FROM events")
    assert noted == [*product, NOW * 1000, "main", 1438250110]
    assert json.loads(said_besides) == fields
    assert journal_size(house) == (0, 1)
    assert traces(house, product[2], OPENID, "VISITED0004") == [product[2]]


def test_a_visitor_is_kept_as_a_hash_and_a_reviewer_not_at_all(desk: Desk, house: House) -> None:
    product = {"KeyStandard": "qrcode", "KeyStr": "moment-frame"}
    visit = {**HEAD, **product, "Event": "user_scan_product", "ExtInfo": "GENUINE0001"}
    review = {**HEAD, **product, "Event": "user_scan_product_verify_action", "Result": "verify_ok"}
    for said in (visit, review):
        desk.receive(compose(said, keys=desk.keys, at=NOW))
    assert desk.scan() == "real"
    ((scanned_by, scanned),) = rows(house, "SELECT person, tag FROM scans")
    assert len(scanned_by) == 16
    assert rows(house, "SELECT person FROM events ORDER BY id") == [(scanned_by,), (None,)]
    assert rows(house, "SELECT tag FROM events WHERE event = 'user_scan_product'") == [(scanned,)]


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ({"MsgType": "event", "Event": "CLICK", "EventKey": "SECRETWORDS"}, "other"),
        ({"MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_SECRETWORDS"}, "other"),
        ({"MsgType": "event", "Event": "SECRETWORDS"}, "other"),
        ({"MsgType": "text", "Content": "SECRETWORDS", "MsgId": "7017580092870066"}, "message_text"),
        ({"MsgType": "image", "PicUrl": "http://x/SECRETWORDS", "MsgId": "7017580092870067"}, "message_image"),
        ({"MsgType": "SECRETWORDS", "MsgId": "7017580092870068"}, "message_other"),
    ],
)
def test_anything_else_is_counted_and_leaves_no_trace(
    desk: Desk, house: House, caplog: pytest.LogCaptureFixture, said: dict[str, str], label: str
) -> None:
    answer = desk.receive(compose({**HEAD, **said}, keys=desk.keys, at=NOW))
    assert answer.body == b"success"
    assert desk.told.pushed == [(label, "success")]
    assert (desk.told.warned, caplog.records) == ([], [])
    assert journal_size(house) == (0, 0)
    assert traces(house, "SECRETWORDS", OPENID) == []


def test_an_unknown_product_is_answered_success_and_staff_are_told_once(desk: Desk) -> None:
    for _ in range(2):
        assert desk.scan(KeyStr="nobody-knows") == "success"
    ((account, why),) = desk.told.warned
    assert account == "main"
    assert why == (
        "a product page asks for qrcode/nobody-knows, which the registry does not know: "
        "add it with `scanhook products add`, or import its codes"
    )
    assert [(entry.reason, entry.code_result) for entry in desk.journal.tail(9)] == [("unknown_product", None)]


def test_neither_openid_nor_a_genuine_code_reaches_the_disk(desk: Desk, house: House) -> None:
    assert [desk.scan(code) for code in ("GENUINE0001", "PRINTED0003", "COPIED99999")] == ["real", "not_active", "fake"]
    assert traces(house, "GENUINE0001", "PRINTED0003", "COPIED99999", OPENID, APP_ID) == ["COPIED99999"]


def test_a_receiver_does_not_show_its_pepper(desk: Desk, house: House) -> None:
    shown = repr(desk.receiver) + repr(desk.account)
    for secret in (house.pepper_path.read_text().strip(), repr(bytes.fromhex(house.pepper_path.read_text())), TOKEN):
        assert secret not in shown


def test_no_openid_is_kept_unless_it_is_asked_for(desk: Desk) -> None:
    for keep_openid, at in ((False, NOW), (True, NOW + 1)):
        desk.receiver = replace(desk.receiver, keep_openid=keep_openid)
        assert desk.scan(at=at) == "real"
    assert [entry.openid for entry in desk.journal.tail(9)] == [None, OPENID]


def test_the_openid_of_a_visitor_is_kept_where_it_is_asked_for_and_a_reviewers_never(desk: Desk, house: House) -> None:
    desk.receiver = replace(desk.receiver, keep_openid=True)
    product = {"KeyStandard": "qrcode", "KeyStr": "moment-frame"}
    visit = {**HEAD, **product, "Event": "user_scan_product", "ExtInfo": "GENUINE0001"}
    review = {**HEAD, **product, "Event": "user_scan_product_verify_action", "Result": "verify_ok"}
    for said in (visit, review):
        desk.receive(compose(said, keys=desk.keys, at=NOW))
    assert rows(house, "SELECT openid FROM events ORDER BY id") == [(OPENID,), (None,)]


@pytest.mark.parametrize(("said", "kept"), [("true", True), ("false", False)])
def test_what_wechat_says_of_its_window_is_kept(desk: Desk, *, said: str, kept: bool) -> None:
    assert desk.scan(NeedAntiFake=said) == "real"
    (entry,) = desk.journal.tail(9)
    assert (entry.need_anti_fake, entry.source) == (kept, None)


def test_who_was_erased_within_the_minute_is_answered_the_same_again(desk: Desk, house: House) -> None:
    assert desk.scan() == "real"
    erase_person(
        desk.journal, OPENID, pepper=desk.receiver.pepper, erasures=house.base / "data" / "erasures", now=NOW + 1
    )
    desk.ask(finding(Reason.VOID))
    assert desk.scan() == "real"
    (entry,) = desk.journal.tail(9)
    assert entry.person != desk.receiver.pepper.person(OPENID)
    assert entry.tag is not None
    tally = desk.journal.tally(entry.tag)
    assert tally is not None
    assert (tally.scans, tally.persons) == (1, 1)
