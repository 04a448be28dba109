from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

RUN = "import sys; from scanhook.tied import run; run(int(sys.argv[1]), sys.argv[2:])"
STARTER = """
import os, subprocess, sys
from scanhook.tied import tied
child = subprocess.Popen(tied([sys.executable, "-c", "print('up', flush=True); import signal; signal.pause()"]))
sys.stdin.read()
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl(2) is Linux's")
def test_what_is_tied_ends_with_the_process_that_started_it_however_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        assert starter.stdin
        assert starter.stdout.readline() == b"up\n"
        starter.stdin.close()
        assert starter.stdout.read() == b""  # the child has let go of it, too
        assert starter.wait(30) == -signal.SIGKILL


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl(2) is Linux's")
def test_who_is_tied_to_a_process_that_is_gone_does_not_begin() -> None:
    found = subprocess.run([sys.executable, "-c", RUN, str(os.getpid() + 1), "/bin/true"], check=False)

    assert found.returncode == 128 + signal.SIGTERM
