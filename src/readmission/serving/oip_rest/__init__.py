"""The Open Inference Protocol v2 over HTTP: JSON, and its extension for binary tensors."""
