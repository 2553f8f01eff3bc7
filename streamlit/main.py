"""Entrypoint of the clinician's page: ``streamlit run streamlit/main.py``."""

from readmission.settings import Settings
from readmission.ui.app import main

main(Settings())
