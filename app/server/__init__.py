"""The processes of the workbench: start, host check, health."""
