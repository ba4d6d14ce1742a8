"""Tables and pages, drawn from a report's JSON alone."""
