"""The life of a model, one module per Airflow task, named as the task is."""
