"""Fixtures of page tests: a workspace and a way to run one page."""

from tests.support.page_fixtures import open_page, seeded, workbench  # noqa: F401
