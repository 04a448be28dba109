"""Of several processes, on whichever machines, one at a time fetches a token from WeChat."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import WechatUnreachable
from scanhook.office import open_office
from scanhook.storage import SQLITE, Pepper, StorageUrl
from scanhook.storage.lease import Lease, take_lease
from scanhook.wechat import Caller, TokenKeep, TokenKind, keeper
from scanhook.wechat.fetching import Fetched
from scanhook.wechat.keeper import SharedTokens
from scanhook.wechat.pace import Pace
from tests.contract.engines import Place

AT = 1795312800


class Wechat:
    """Gives a new token at every fetch, once somebody else has found that one is fetched."""

    def __init__(self) -> None:
        self.forces: list[bool] = []
        self.others_wait = threading.Event()
        self.fails = False

    def __call__(self, *, force: bool) -> Fetched:
        self.forces.append(force)
        assert self.others_wait.wait(30)
        if self.fails:
            raise WechatUnreachable("it does not answer", acted=False)
        return Fetched(token=f"token-{len(self.forces)}", expires_in=7200)

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> Wechat:
    made = Wechat()

    def watched(url: StorageUrl, name: str) -> Lease | None:
        lease = take_lease(url, name)
        if lease is None:
            made.others_wait.set()
        return lease

    monkeypatch.setattr(keeper, "take_lease", watched)
    return made


@pytest.fixture
def workers(place: Place, pepper: Pepper, wechat: Wechat, tmp_path: Path) -> Iterator[list[SharedTokens]]:
    """Return four workers; where the storage can be shared by machines, each on a machine of its own."""
    clock, pace = FixedClock(AT), Pace()
    caller = Caller(place="[accounts.main]", app_id="wxba5fad812f8e6fb9", kind=TokenKind.STABLE, secret="s3cret")
    with ExitStack() as opened:
        made = []
        for number in range(4):
            url = place.storage
            if url.engine != SQLITE:
                url = replace(url, folder=tmp_path / f"machine-{number}")
            office = opened.enter_context(closing(open_office(url, pepper=pepper, clock=clock)))
            keep = TokenKeep(store=office.tokens, url=url, pepper=pepper, clock=clock)
            made.append(SharedTokens(wechat, caller=caller, name="0123456789abcdef", keep=keep, wait_s=30, pace=pace))
        yield made


def test_one_fetch_serves_all_machines(workers: list[SharedTokens], wechat: Wechat) -> None:
    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(lambda number: workers[number % 4].token(), range(8)))

    assert tokens == ["token-1"] * 8
    assert wechat.forces == [False]


def test_a_failure_is_told_to_all_machines_and_wechat_is_asked_once(
    workers: list[SharedTokens], wechat: Wechat
) -> None:
    wechat.fails = True

    def ask(number: int) -> str:
        try:
            return workers[number % 4].token()
        except WechatUnreachable:
            return "none"

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == ["none"] * 4

    assert wechat.forces == [False]
