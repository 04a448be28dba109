from __future__ import annotations

from typing import Any

import pytest

from scanhook.sandbox.policy import Policy


@pytest.mark.parametrize("given", [{"token_life_s": 0}, {"review_s": -1.0}, {"ticket_life_s": -0.1}])
def test_a_sandbox_cannot_behave_like_that(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a (token|time)"):
        Policy(**given)
