"""The core of the inference API without a transport: what happens to a prediction, whoever asked for it."""
