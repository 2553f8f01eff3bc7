"""The tasks of the Airflow DAG. Each task has a module of its own name, with a function of that name."""
