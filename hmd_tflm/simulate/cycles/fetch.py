"""Rules 11 to 13: the fetch unit, which keeps up to three words of code ahead of the decoder.

Arm's knowledge article KA8521 describes it: Cortex-M3 and M4 read aligned 32-bit words into a
three-word buffer whenever there is space, whatever instructions the words hold. All times are
relative to the cycle in which the next instruction executes if the fetch does not hold it up.
"""

from __future__ import annotations

from typing import NamedTuple

FETCH_TO_DECODE = 2  # cycles from a word's address on the bus until it can be decoded
DECODE = -1  # an instruction is decoded in the cycle before it executes
IDLE = 3  # a fetch unit without space for this many cycles stops,
RESTART = 1  # and takes another cycle to begin again
OLD = -9  # what happened that long ago or longer has no effect

_IN_USE = 99  # of a word that the decoder still needs


class Fetch(NamedTuple):
    """When the last word was fetched, and when the decoder was done with each of the last three.

    taken: when the bus fetched the target of a branch that was not taken after all.
    """

    fetched: int
    freed: tuple[int, int, int]
    taken: tuple[int, ...] = ()


def target(address: int) -> Fetch:
    """The state after a branch to `address`: its word comes just in time, nothing else is there."""
    first = DECODE - FETCH_TO_DECODE
    if address & 2:  # the upper half of a word
        return Fetch(first, (OLD, OLD, _IN_USE))
    return Fetch(first - 1, (OLD, OLD, OLD))


def deliver(fetch: Fetch, address: int, size: int) -> tuple[int, Fetch]:
    """Cycles that an instruction waits for its last word, and the state when it executes.

    Rule 11: with a new word every cycle, code waits only for the second word of an instruction
    that straddles two, just after a branch. Rule 12: or after the unit had stopped.
    """
    fetched, freed, taken = fetch
    ready = DECODE
    upper = bool(address & 2)
    if not upper or size == 4:  # it begins or ends in a new word
        fetched = _next_fetch(fetch)
        ready = max(DECODE, fetched + FETCH_TO_DECODE)
        freed = (freed[1], ready if upper else freed[2], _IN_USE)
    if upper != (size == 4):  # it ends where its last word ends
        freed = (freed[0], freed[1], ready)
    stall = ready - DECODE
    return stall, later(Fetch(fetched, freed, taken), stall)


def speculate(fetch: Fetch) -> Fetch:
    """Rule 13: while a direct branch is decoded, its target is fetched, and no other word."""
    return fetch._replace(taken=(*fetch.taken, DECODE))


def later(fetch: Fetch, cycles: int) -> Fetch:
    """The same state, some cycles later."""
    first, second, third = (t if t == _IN_USE else max(OLD, t - cycles) for t in fetch.freed)
    return Fetch(
        max(OLD, fetch.fetched - cycles),
        (first, second, third),
        tuple(t - cycles for t in fetch.taken if t - cycles > OLD),
    )


def _next_fetch(fetch: Fetch) -> int:
    due = fetch.fetched + 1
    full = fetch.freed[0] - due
    if full > 0:
        due += full + (RESTART if full >= IDLE else 0)
    while due in fetch.taken:
        due += 1
    return due
