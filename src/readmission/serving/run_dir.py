"""What the processes of one server share while it runs. Importing it is cheap: the parent needs no model."""

from pathlib import Path

from readmission.settings import InferenceSettings

# where Prometheus' client keeps the metrics of a process for the others
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"


def run_dir_of(settings: InferenceSettings) -> Path:
    """The folder that the workers of one server share. Its name holds the port, so no other server uses it."""
    return settings.serving_dir.absolute() / f"run-{settings.inference_port}"


def shipper_stats(run_dir: Path) -> Path:
    """The file with the counts of the log's shipper."""
    return run_dir / "shipper.json"
