"""`andon hook CLIENT EVENT`: what a client tells before and after a tool and at the end of a turn, and our answer.

A dialect reads the client's JSON into a `HookCall`; `decide` (pure) makes a `Decision` of it; the dialect writes that in
the client's own words. On the hot path: no msgspec, re, dataclasses, typing or pathlib at run time.
"""
