"""Built-in suspicion: what in a change looks like a way round its own tests and checks.

`inspection.inspect` finds, `table` names the rules, `refusal` says what a gate makes of findings. This module imports
nothing, since telling findings that were kept must cost no parser.
"""
