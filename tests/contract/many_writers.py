"""A worker process: records the same scans as its siblings, from several threads, at the moment it is told.

Its arguments: the storage's URL, the number of threads, and the number of the process.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from scanhook.journal import Recorded, Scan, open_journal
from scanhook.message import CodeResult
from scanhook.registry import LookUp, Reason
from scanhook.storage import Pepper, StorageUrl
from scanhook.verdict import Verdict


def main(url: str, threads: int, process: int) -> None:
    journal = open_journal(StorageUrl.parse(url, base=Path("/")), pepper=Pepper(secret=bytes(range(32))))
    barrier = Barrier(threads)

    def record(thread: int) -> tuple[Recorded, Recorded]:
        barrier.wait()
        verdict = Verdict(
            code_result=CodeResult.REAL,
            reason=Reason.ACTIVE,
            verifier=f"v{process}",
            look_up=LookUp(tag=bytes(10)),
        )
        person = bytes([process, thread]) * 8
        same = journal.record(_scan(b"the same push...", b"somebody........"), verdict, now=2.0)
        return same, journal.record(_scan(person, person), verdict, now=2.0)

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        for same, own in pool.map(record, range(threads)):
            sys.stdout.write(f"{same.decided_now:d} {same.repeated:d} {same.entry.verifier} {own.decided_now:d}\n")
    journal.close()


def _scan(identity: bytes, person: bytes) -> Scan:
    return Scan(
        identity=identity,
        received_at=1.0,
        account="main",
        create_time=1,
        key_standard="ean13",
        key_str="6900873042720",
        ext_info="6J5T9XQ2",
        person=person,
        stray_tag=b"stray.....",
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
