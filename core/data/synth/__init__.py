"""Portraits and clips that the project draws itself, and fakes made of them. Nobody in them exists."""
