"""Git plumbing: snapshots, patch digests, merges, worktrees, compare-and-swap, the guard hook."""
