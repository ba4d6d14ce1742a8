"""How long an engine takes on this machine, and which radio deadlines it keeps.

The way of a measurement: `plan` (how much) -> `session` (everything, in turns) -> `track` (one subject at
one setting) -> `worker` (its own process) -> `warm` (the loaded engine) -> `measure` (the hot loops).
What is measured is in `subjects` and `inputs`; what is made of it in `summary`, `percentiles`, `verdicts`,
`capacity` and `comparison`; the deadlines in `budgets`; the report's schema in `results`.
"""
