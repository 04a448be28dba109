from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import WechatRefused, WechatUnreachable
from scanhook.office import open_office
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.lease import take_lease
from scanhook.wechat import Caller, TokenKeep, TokenKind
from scanhook.wechat.codes import refusal
from scanhook.wechat.fetching import Fetched
from scanhook.wechat.keeper import SharedTokens
from scanhook.wechat.pace import Pace

AT = 1795312800
NAME = "0123456789abcdef"


@dataclass(slots=True)
class Wechat:
    """Gives a new token at every fetch, or what ``gives`` says."""

    forces: list[bool] = field(default_factory=list)
    gives: Callable[[int], str] = lambda number: f"token-{number}"
    lives_s: int = 7200
    fails: Exception | None = None
    fails_forced: Exception | None = None

    def __call__(self, *, force: bool) -> Fetched:
        self.forces.append(force)
        if fails := (self.fails_forced if force else None) or self.fails:
            raise fails
        return Fetched(token=self.gives(len(self.forces)), expires_in=self.lives_s)

    def close(self) -> None:
        self.fails = RuntimeError("closed")

    @property
    def fetches(self) -> int:
        return len(self.forces)


@dataclass(slots=True)
class Time:
    at: float = 5000.0

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass(slots=True)
class Stand:
    """A storage, and what makes workers on it: each stands for a process of its own."""

    keep: TokenKeep
    clock: FixedClock
    time: Time = field(default_factory=Time)

    def worker(self, wechat: Wechat, kind: TokenKind = TokenKind.STABLE, *, name: str = NAME) -> SharedTokens:
        caller = Caller(place="[accounts.main]", app_id="wxba5fad812f8e6fb9", kind=kind, secret="s3cret")
        pace = Pace(sleep=self.time.sleep, monotonic=lambda: self.time.at)
        return SharedTokens(wechat, caller=caller, name=name, keep=self.keep, wait_s=16, pace=pace)

    def later(self, seconds: float) -> None:
        self.clock.at += seconds
        self.time.at += seconds


@pytest.fixture
def stand(tmp_path: Path, empty_storage: Path, pepper: Pepper) -> Iterator[Stand]:
    url, clock = StorageUrl(engine="sqlite", folder=Path(copytree(empty_storage, tmp_path / "data"))), FixedClock(AT)
    with closing(open_office(url, pepper=pepper, clock=clock)) as office:
        yield Stand(keep=TokenKeep(store=office.tokens, url=url, pepper=pepper, clock=clock), clock=clock)


def test_one_fetch_serves_every_worker(stand: Stand) -> None:
    wechat = Wechat()

    assert [stand.worker(wechat).token() for _ in range(3)] == ["token-1"] * 3
    assert wechat.forces == [False]


def test_another_callers_token_is_another(stand: Stand) -> None:
    wechat = Wechat()

    assert stand.worker(wechat).token() == "token-1"
    assert stand.worker(wechat, name="another").token() == "token-2"


def test_what_is_in_memory_is_used_without_the_storage(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = stand.worker(Wechat())
    worker.token()
    looked: list[str] = []
    monkeypatch.setattr(type(stand.keep.store), "find", lambda _self, name: looked.append(name))

    assert [worker.token() for _ in range(100)] == ["token-1"] * 100
    assert looked == []


@pytest.mark.parametrize(
    ("kind", "fresh_s"), [(TokenKind.STABLE, 6959), (TokenKind.TOKEN, 6899), (TokenKind.GETTOKEN, 7194)]
)
def test_a_token_is_renewed_before_its_end(stand: Stand, kind: TokenKind, fresh_s: int) -> None:
    wechat = Wechat()
    worker = stand.worker(wechat, kind)
    worker.token()

    stand.later(fresh_s)
    assert worker.token() == "token-1"
    stand.later(1)
    assert worker.token() == "token-2"


def test_a_token_that_lives_shortly_is_used_for_half_of_its_life(stand: Stand) -> None:
    wechat = Wechat(lives_s=20)
    worker = stand.worker(wechat)
    worker.token()

    stand.later(9)
    assert worker.token() == "token-1"
    stand.later(2)
    assert worker.token() == "token-2"


def test_what_another_process_has_renewed_is_picked_up(stand: Stand) -> None:
    wechat = Wechat()
    ours, theirs = stand.worker(wechat), stand.worker(wechat)
    ours.token()
    theirs.expire(theirs.token())
    assert theirs.token() == "token-2"

    stand.later(5)
    assert ours.token() == "token-2"


def test_a_token_that_failed_here_is_not_fetched_again_when_another_process_has(stand: Stand) -> None:
    wechat = Wechat()
    ours, theirs = stand.worker(wechat), stand.worker(wechat)
    failed = ours.token()
    theirs.expire(failed)
    theirs.token()

    assert (ours.expire(failed), ours.token(), wechat.fetches) == (True, "token-2", 2)


def test_only_the_token_that_failed_is_expired(stand: Stand) -> None:
    wechat = Wechat()
    worker = stand.worker(wechat)
    failed = worker.token()
    worker.expire(failed)
    worker.token()

    assert (worker.expire(failed), worker.expire("never seen"), worker.token()) == (True, True, "token-2")
    assert stand.worker(wechat).token() == "token-2"
    assert wechat.fetches == 2


def test_a_new_token_is_forced_only_when_the_one_that_failed_comes_again(stand: Stand) -> None:
    wechat = Wechat(gives=lambda number: "same" if number < 3 else "forced")
    worker = stand.worker(wechat)
    worker.expire(worker.token())

    assert (worker.token(), wechat.forces) == ("forced", [False, False, True])


def test_another_process_that_kept_the_failed_token_does_not_hold_us_up(stand: Stand) -> None:
    wechat = Wechat(gives=lambda number: "same" if number < 4 else "forced")
    ours, theirs = stand.worker(wechat), stand.worker(wechat)
    failed = ours.token()
    ours.expire(failed)
    assert theirs.token() == "same"

    assert (ours.token(), wechat.forces) == ("forced", [False, False, False, True])


def test_forcing_keeps_its_distance_even_between_processes(stand: Stand) -> None:
    wechat = Wechat(gives=lambda _number: "always the same")
    for worker in (stand.worker(wechat), stand.worker(wechat), stand.worker(wechat)):
        worker.expire(worker.token())
        assert worker.token() == "always the same"
        stand.later(14)

    assert wechat.forces.count(True) == 1
    stand.later(3)
    worker.expire("always the same")
    worker.token()
    assert wechat.forces.count(True) == 2


def test_forcing_ends_at_half_of_what_wechat_allows_a_day(stand: Stand) -> None:
    wechat = Wechat(gives=lambda _number: "always the same")
    worker = stand.worker(wechat)
    for _ in range(30):
        worker.expire(worker.token())
        worker.token()
        stand.later(31)
    assert wechat.forces.count(True) == 10

    stand.later(86400)
    worker.expire("always the same")
    worker.token()
    assert wechat.forces.count(True) == 11


@pytest.mark.parametrize(
    "fails",
    [
        WechatUnreachable("/cgi-bin/stable_token: no answer", acted=False),
        refusal(-1, "system error", path="/cgi-bin/stable_token"),
        RuntimeError("the process was ended"),
    ],
)
def test_forcing_that_fails_counts_too(stand: Stand, fails: Exception) -> None:
    wechat = Wechat(gives=lambda _number: "always the same")
    worker = stand.worker(wechat)
    worker.expire(worker.token())
    wechat.fails_forced = fails
    with pytest.raises(type(fails)):
        worker.token()
    for _ in range(2):
        stand.later(12)
        assert worker.token() == "always the same"
        worker.expire("always the same")
    assert wechat.forces.count(True) == 1

    stand.later(12)
    with pytest.raises(type(fails)):
        worker.token()
    assert wechat.forces.count(True) == 2


def test_forcing_that_fails_ends_at_half_of_what_wechat_allows_a_day(stand: Stand) -> None:
    wechat = Wechat(gives=lambda _number: "always the same")
    worker = stand.worker(wechat)
    worker.expire(worker.token())
    wechat.fails_forced = WechatUnreachable("/cgi-bin/stable_token: no answer", acted=False)
    for _ in range(12):
        stand.later(31)
        worker.expire("always the same")
        with suppress(WechatUnreachable):
            worker.token()
    assert wechat.forces.count(True) == 10


@pytest.mark.parametrize("kind", [TokenKind.TOKEN, TokenKind.GETTOKEN])
def test_only_stable_tokens_can_be_forced(stand: Stand, kind: TokenKind) -> None:
    wechat = Wechat(gives=lambda _number: "same")
    worker = stand.worker(wechat, kind)
    worker.expire(worker.token())

    assert (worker.token(), wechat.forces) == ("same", [False, False])


def wrong_secret() -> WechatRefused:
    return refusal(40125, "invalid appsecret rid: 1-a", path="/cgi-bin/stable_token")


def test_a_wrong_secret_is_asked_once_by_all_threads_of_all_workers(stand: Stand) -> None:
    wechat = Wechat(fails=wrong_secret())
    workers = [stand.worker(wechat) for _ in range(4)]

    def ask(number: int) -> int:
        with pytest.raises(WechatRefused) as caught:
            workers[number % 4].token()
        return caught.value.code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(64))) == {40125}
    assert wechat.fetches == 1


def test_a_remembered_failure_says_so_and_is_forgotten_soon(stand: Stand) -> None:
    wechat = Wechat(fails=wrong_secret())
    worker = stand.worker(wechat)
    with pytest.raises(WechatRefused):
        worker.token()
    stand.later(4)
    with pytest.raises(WechatRefused, match="so it was 4 s ago, and nobody asked again since") as caught:
        worker.token()
    assert (caught.value.rid, caught.value.permanent) == ("1-a", True)

    stand.later(6)
    wechat.fails = None
    assert worker.token() == "token-2"


def test_a_server_that_cannot_be_reached_is_asked_again_sooner(stand: Stand) -> None:
    wechat = Wechat(fails=WechatUnreachable("/cgi-bin/stable_token: no answer", acted=False))
    worker = stand.worker(wechat)
    for _ in range(3):
        with pytest.raises(WechatUnreachable, match="/cgi-bin/stable_token: no answer"):
            worker.token()
    assert wechat.fetches == 1

    stand.later(2)
    wechat.fails = None
    assert worker.token() == "token-2"


@pytest.mark.parametrize("fails", [wrong_secret(), WechatUnreachable("no answer", acted=False)])
def test_a_token_that_still_serves_is_used_while_it_cannot_be_renewed(stand: Stand, fails: Exception) -> None:
    wechat = Wechat()
    worker = stand.worker(wechat)
    worker.token()
    stand.later(7000)
    wechat.fails = fails
    assert [worker.token(), stand.worker(wechat).token()] == ["token-1", "token-1"]
    assert wechat.fetches == 2

    stand.later(200)
    with pytest.raises(type(fails)):
        worker.token()


def test_other_threads_go_on_with_the_old_token_while_one_renews_it(stand: Stand) -> None:
    started, free = threading.Event(), threading.Event()

    class Slow(Wechat):
        def __call__(self, *, force: bool) -> Fetched:
            if self.fetches:
                started.set()
                assert free.wait(10)
            return super().__call__(force=force)

    worker = stand.worker(Slow())
    worker.token()
    stand.later(7000)
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(worker.token)
        assert started.wait(10)
        assert worker.token() == "token-1"
        free.set()
        assert renewing.result() == "token-2"


def test_a_thread_that_fetches_for_ever_is_not_waited_for(stand: Stand) -> None:
    started, free = threading.Event(), threading.Event()

    class Slow(Wechat):
        def __call__(self, *, force: bool) -> Fetched:
            started.set()
            assert free.wait(10)
            return super().__call__(force=force)

    worker = stand.worker(Slow())
    worker._wait_s = 0.01
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(worker.token)
        assert started.wait(10)
        with pytest.raises(WechatUnreachable, match="has been fetched by another"):
            worker.token()
        free.set()
        assert fetching.result() == "token-1"


def test_the_old_token_serves_while_another_process_renews_it(stand: Stand) -> None:
    wechat = Wechat()
    worker = stand.worker(wechat)
    worker.token()
    stand.later(7000)
    lease = take_lease(stand.keep.url, f"token-{NAME}")
    assert lease is not None
    with lease:
        assert (worker.token(), wechat.fetches) == ("token-1", 1)


def test_a_process_that_fetches_for_ever_is_not_waited_for(stand: Stand) -> None:
    worker = stand.worker(Wechat())
    lease = take_lease(stand.keep.url, f"token-{NAME}")
    assert lease is not None
    with lease, pytest.raises(WechatUnreachable, match="has been fetched by another for more than 16 s") as caught:
        worker.token()

    assert caught.value.acted is False
    assert worker.token() == "token-1"


def test_what_the_other_process_fetched_meanwhile_is_taken(stand: Stand) -> None:
    wechat = Wechat()
    ours, theirs = stand.worker(wechat), stand.worker(wechat)
    lease = take_lease(stand.keep.url, f"token-{NAME}")
    assert lease is not None

    def sleep(seconds: float) -> None:
        lease.close()
        theirs.token()
        stand.time.at += seconds

    ours._pace = Pace(sleep=sleep, monotonic=lambda: stand.time.at)

    assert (ours.token(), wechat.fetches) == ("token-1", 1)


def test_with_another_pepper_a_kept_token_is_fetched_anew(stand: Stand) -> None:
    wechat = Wechat()
    stand.worker(wechat).token()
    other = Stand(
        keep=TokenKeep(store=stand.keep.store, url=stand.keep.url, pepper=Pepper(secret=bytes(32)), clock=stand.clock),
        clock=stand.clock,
    )

    assert other.worker(wechat).token() == "token-2"


def test_no_file_of_the_storage_holds_the_token(stand: Stand) -> None:
    wechat = Wechat(gives=lambda _number: "a-very-secret-token")
    worker = stand.worker(wechat)
    worker.expire(worker.token())
    worker.token()

    held = [path.name for path in stand.keep.url.folder.iterdir() if b"a-very-secret-token" in path.read_bytes()]
    assert held == []
    assert "a-very-secret-token" not in repr(worker._held)
