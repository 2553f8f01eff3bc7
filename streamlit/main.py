"""Entrypoint of the clinician's page: ``streamlit run streamlit/main.py``."""

from readmission.settings import PageSettings
from readmission.ui.app import main

main(PageSettings())
