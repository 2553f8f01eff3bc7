"""What Airflow's scheduler imports at its start, because of this module's name: the tasks' libraries, once.

The local executor forks a process for each task, which then has them already. Importing them takes 4 s of CPU time in
each task otherwise, half of the time of a small training.
"""

import importlib
import os
import pkgutil

import readmission.pipeline

# MLflow's own handler, which it sets up when it is imported, writes to stderr: Airflow takes each line for an error
os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")

for module in pkgutil.iter_modules(readmission.pipeline.__path__, "readmission.pipeline."):
    # it imports Airflow's SDK, which is not ready yet
    if module.name != "readmission.pipeline.tasks":
        importlib.import_module(module.name)
