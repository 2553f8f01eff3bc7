"""Entrypoint of the data API: ``python ec2_api/main.py``; ``readmission data-api`` is the same."""

from readmission.data_api.server import main
from readmission.settings import DataApiSettings

main(DataApiSettings())
