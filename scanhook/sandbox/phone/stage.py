"""What the phone plays with: accounts, sample codes, and who issues tickets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from scanhook.errors import Refused
from scanhook.sandbox.scan import Item, Line, Scan
from scanhook.sandbox.scanning import Scanner

__all__ = ["Post", "Sample", "Stage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """An account that the phone can scan for.

    :param name: as the settings call it.
    :param landing: the address of the brand's own page, which the product page links to; empty if there is none.
    :param issue: gives a fresh wxticket for somebody who scanned; needed where there is a landing page.
    :param settle: turns what was asked for into what the product's page makes of it, and is called once for each scan.
    :raises Refused: when there is a landing page and nobody issues tickets.
    """

    name: str
    line: Line
    landing: str = ""
    issue: Callable[[Scan], str] | None = field(default=None, repr=False)
    settle: Callable[[Scan], Scan] = field(default=lambda scan: scan, repr=False)

    def __post_init__(self) -> None:
        if self.landing and self.issue is None:
            raise Refused(f"the account {self.name} has a landing page, and nobody issues tickets for it")

    def link(self, scan: Scan) -> str:
        """Return where the product page's link leads, with a fresh ticket (seed, 跳转URL参数说明).

        :raises Refused: when the account has no landing page.
        """
        if not self.landing or self.issue is None:
            raise Refused(f"the account {self.name} has no landing page")
        query = {
            "wxkeystandard": scan.item.key_standard,
            "wxkeystr": scan.item.key_str,
            "wxticket": self.issue(scan),
            "wxextinfo": scan.item.ext_info,
        }
        return f"{self.landing}{'&' if '?' in self.landing else '?'}{urlencode(query)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A code that can be chosen instead of typed.

    :param english: what it is, in a few words; like ``chinese``.
    """

    item: Item
    english: str
    chinese: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that the phone needs.

    :param scanner: gives what sends; asked for when something is sent.
    :param ask_posts: gives the accounts; asked anew each time, since one may get its callback URL later.
    :param typed_first: whether a code of one's own stands before the samples.
    :param log_path: where the server that is asked writes its log; empty where nobody knows.
    """

    scanner: Callable[[], Scanner]
    ask_posts: Callable[[], tuple[Post, ...]]
    samples: tuple[Sample, ...] = ()
    typed_first: bool = False
    log_path: str = ""

    @property
    def posts(self) -> tuple[Post, ...]:
        """The accounts of now; the first is chosen when the page opens.

        :raises Refused: when two have the same name.
        """
        posts = self.ask_posts()
        if len({post.name for post in posts}) != len(posts):
            raise Refused("every account that the phone scans for needs a name of its own")
        return posts

    def post(self, name: str) -> Post:
        """Return an account; without a name the first.

        :raises Refused: when there is none of that name, or none at all.
        """
        posts = self.posts
        if not posts:
            raise Refused("nobody can be scanned for yet: no account has a callback URL, token and key")
        for post in posts:
            if name in ("", post.name):
                return post
        raise Refused(f"there is no account `{name}`")
