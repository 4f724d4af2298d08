"""Doors to other libraries: a module each makes ToolGym's environments fit one, and imports it only where it must."""
