"""Launching a client without a person: one driver for each, one loop for all.

The client's word is never the result: after it ends, Andon's own check decides, and red verdicts become its next prompt.
"""
