"""The run store and the response cache, one SQLite file."""

from evalkit.store.claims import Claimed, Claims
from evalkit.store.keys import digest, response_key
from evalkit.store.store import Store, check_label

__all__ = ["Claimed", "Claims", "Store", "check_label", "digest", "response_key"]
