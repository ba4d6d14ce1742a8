"""How good a prediction is: NMSE, in one definition."""

from edgecsi.metrics.nmse import NmseReport, nmse_mean_db, nmse_pooled_db, nmse_report, user_energies

__all__ = ["NmseReport", "nmse_mean_db", "nmse_pooled_db", "nmse_report", "user_energies"]
