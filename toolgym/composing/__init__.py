"""Tasks composed of atomic ones, executed, minimal, worded and checked (AC-Planner section 3)."""
