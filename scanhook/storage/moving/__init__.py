"""Moving house: a running SQLite storage is copied to PostgreSQL, catches up, and is handed over with a short pause.

What changes in the source meanwhile is written down by triggers in the source itself (:mod:`.capture`), whichever
process changes it. So every table is moved alike, and no rule of a room stands here: a first pass copies all rows by
pages, and catching up puts each row that was changed since in its place, as it is now
(:mod:`.catching`). A keyed digest of every row is taken on both sides, on the target's always from what it gives back
(:mod:`.digest`). Only :mod:`.finishing` stops the source, and lets it go on when anything fails.
"""

from scanhook.storage.moving.digest import RowSum
from scanhook.storage.moving.finishing import Hindrance, Moved, Notes, check_unhindered, finish, settle
from scanhook.storage.moving.move import Begun, GivenUp, Move, give_up_without_target, opened_move

__all__ = [
    "Begun",
    "GivenUp",
    "Hindrance",
    "Move",
    "Moved",
    "Notes",
    "RowSum",
    "check_unhindered",
    "finish",
    "give_up_without_target",
    "opened_move",
    "settle",
]
