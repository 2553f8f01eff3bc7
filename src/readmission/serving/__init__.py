"""The inference API: routes, request checking, the model in memory, prediction log and metrics."""
