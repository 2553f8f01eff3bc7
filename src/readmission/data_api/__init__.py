"""The data API: it cuts the source into batches and publishes them one by one."""
