"""The write-ahead log of predictions: a local segment before the answer goes out, the database afterwards."""
