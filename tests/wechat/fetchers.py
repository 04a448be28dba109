"""A worker process: calls with the same token as its siblings, from several threads, whenever it is told.

Its arguments: the storage's folder, the server's address, and the number of threads.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

from scanhook.clock import SystemClock
from scanhook.office import open_office
from scanhook.settings import Settings
from scanhook.storage import Pepper, StorageUrl
from scanhook.wechat import System, TokenKeep, open_api


def main(folder: str, base: str, threads: int) -> None:
    url, pepper, clock = (
        StorageUrl(engine="sqlite", folder=Path(folder)),
        Pepper(secret=bytes(range(32))),
        SystemClock(),
    )
    account = {
        "app_id": "wxba5fad812f8e6fb9",
        "original_id": "gh_fbe8a958756e",
        "token": "AAAAA",
        "encoding_aes_key": "A" * 43,
        "app_secret": "s3cret",
    }
    settings = Settings.model_validate({"accounts": {"main": account}, "wechat": {"api_base": base}})
    barrier = Barrier(threads)
    with closing(open_office(url, pepper=pepper, clock=clock)) as office:
        keep = TokenKeep(store=office.tokens, url=url, pepper=pepper, clock=clock)
        with closing(open_api(settings, System.PAGES, keep=keep)) as api:

            def call(number: int) -> None:
                barrier.wait()
                api.read("/scan/product/get", {"keystr": str(number)})

            with ThreadPoolExecutor(threads) as pool:
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                while sys.stdin.readline():
                    list(pool.map(call, range(threads)))
                    sys.stdout.write("done\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
