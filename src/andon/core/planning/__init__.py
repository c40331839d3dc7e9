"""Planning: which files each task will touch, which tasks share them, and in which waves they can be done.

Pure: the tree's file list, mined commits and tasks come in, a plan goes out; the same input gives the same plan. The parts:
words (of texts and paths) → history (what changed together, and after which words) → mentions, imports (what a text names)
→ predict → holds (what a task keeps others off) → shared (files of several tasks, and what to do about them) → waves, bounds
→ plan (all of it in order). Nothing here passes over all pairs of tasks or files: everything goes by way of inverted indices.
Must not know: git, the store, how a plan is shown.
"""
