"""A persona at play: one generator for each session of a client, asked for its next move at each request.

Rules: a request that says the same again (a client's retry) gets the same move; a request of a conversation in which the
model has not spoken yet begins the persona anew; one that offers no tool for commands (titles, summaries, routing) is
answered beside the script.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from tests.clients import tools
from tests.clients.conversation import Answer, Conversation, Die, Entry, Move, Say

Persona = Generator[Move, Conversation, None]
Maker = Callable[[Conversation, dict[str, Any]], Persona]


@dataclass
class Script:
    """make: begins the persona. options: what it works on (see `personas`)."""

    make: Maker
    options: dict[str, Any] = field(default_factory=dict)
    answered: int = 0
    _playing: Persona | None = None
    _seen: tuple[Entry, ...] | None = None
    _move: Move | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, conversation: Conversation) -> tuple[Move, Answer | None]:
        """The move, and the answer that carries it out; no answer where the endpoint is to fail."""
        with self._lock:
            self.answered += 1
            identity = f"{self.answered:04d}"
            if not tools.has_shell(conversation):
                return self._beside(conversation, identity)
            if self._move is None or conversation.entries != self._seen:
                self._seen = conversation.entries
                self._move = self._advance(conversation)
            move = self._move
            return move, None if isinstance(move, Die) else tools.answer(conversation, move, identity)

    def _advance(self, conversation: Conversation) -> Move:
        if self._playing is None or conversation.fresh:
            self._playing = self.make(conversation, self.options)
            return next(self._playing, Say("Nothing to do."))
        try:
            return self._playing.send(conversation)
        except StopIteration:
            return Say("There is nothing more to do.")

    def _beside(self, conversation: Conversation, identity: str) -> tuple[Move, Answer]:
        """What small models are asked on the side; its tokens count like all others."""
        schema = conversation.answer_schema
        if schema is None and conversation.tools:
            # Some ask for JSON by the only tool that they offer.
            only = conversation.tools[0]
            call = tools.Call(f"call_{identity}", only, tools.filled(only.schema, {}))
            return Say("(a tool's arguments)"), Answer(id=identity, call=call)
        text = "A change" if schema is None else json.dumps(tools.plausible(schema))
        return Say(text), Answer(id=identity, text=text)
