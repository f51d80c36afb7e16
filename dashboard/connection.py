"""The settings and the connection to the API, which all sessions of the process share."""

from __future__ import annotations

import streamlit as st

from dashboard.api import Api
from dashboard.settings import Settings


@st.cache_resource(show_spinner=False)
def read_settings() -> Settings:
    """Return the settings of the process."""
    return Settings()


@st.cache_resource(show_spinner=False)
def connect() -> Api:
    """Return the reader of the API that all sessions share."""
    return Api(read_settings())
