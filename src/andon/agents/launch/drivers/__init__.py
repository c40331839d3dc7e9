"""One module for each client; each has `DRIVER: Driver`. `command` takes any program; `acp` any that speaks ACP."""
