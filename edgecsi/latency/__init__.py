"""How long an engine takes on this machine, and which radio deadlines it keeps.

percentiles: what a count of calls can support. budgets: deadlines as data. measure: the hot loops.
subjects: what is measured; worker: its own process. inputs: seeded test signals. verdicts: times
against budgets. environment: what the numbers depend on. results: the report's schema. session: all
together.
"""
