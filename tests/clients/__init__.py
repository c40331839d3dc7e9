"""Real agent clients, driven without a network against a model endpoint of our own that plays a script."""
