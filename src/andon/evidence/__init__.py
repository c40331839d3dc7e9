"""Signed evidence of what landed: statements, envelopes, keys, the entries on the evidence references, and checking them.

The format and the trust model are decision 9. Nothing here is imported before something lands or is verified.
"""
