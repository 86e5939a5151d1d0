"""What `aware up` serves: the Streamlit entry `main.py` behind the check of host names and the addresses of pages."""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from app.server.deep_links import DeepLinks
from app.server.host_check import Guard, trusted_names
from jobs.settings import Settings

app = App(
    Path(__file__).parents[1] / "main.py",
    middleware=[Middleware(Guard, names=trusted_names(Settings.read())), Middleware(DeepLinks)],
)
