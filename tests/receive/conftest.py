from __future__ import annotations

from collections.abc import Iterator

import pytest

from scanhook.settings import House
from tests.receive.desk import Desk, receiving


@pytest.fixture
def house(stocked_house: House) -> House:
    return stocked_house


@pytest.fixture
def desk(house: House) -> Iterator[Desk]:
    with receiving(house) as opened:
        yield opened
