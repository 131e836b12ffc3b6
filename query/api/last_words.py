"""How an answer without an end tells the connection what is to be said where the client is dropped."""

from __future__ import annotations

from typing import Final

LAST_WORDS: Final = "gputail.last_words"
"""A key of the ASGI scope. Where it is there, the answer has no end of its own: a client that leaves breaks
nothing off. Its value, called with nothing, gives the body's last bytes when a client that takes nothing is
dropped; they come after what still waits for it."""
