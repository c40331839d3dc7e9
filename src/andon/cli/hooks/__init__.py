"""`andon hook CLIENT EVENT`: one call of a client's hook, from its JSON on standard input to our answer on standard output.

Rules, since clients take every accident for a yes or block for ever: the exit code is 0 whatever happens; standard output
holds one JSON object or nothing, and nothing that runs in here can write to it; the answer comes well inside the client's
time-out; what goes wrong is written to `<state>/hooks/log`. Answered without msgspec, click, json or re unless a
brief or gates are asked for. `talk` is the way in.
"""
