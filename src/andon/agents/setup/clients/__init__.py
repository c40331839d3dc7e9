"""One module for each client; each has `CLIENT: ClientSetup`. The names are those of `hooks.dialects.DIALECTS`."""
