"""`andon demo`: a real project, real tasks, scripted workers, and what Andon let through.

Rules: the workers are separate processes that use the public command line only; the tools they run are the real
ones; whatever the demo says was refused or landed is read from Andon's own replies, log and git.
Must not know: the engine, the store, the gates. It is a user of Andon, like any other.
"""
