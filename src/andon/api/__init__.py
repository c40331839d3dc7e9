"""Andon for programs other than a shell: so far MCP over standard input and output."""
