"""What benchmarks/int8.py found, as tables on the console."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def show(found: dict[str, Any], console: Console) -> None:
    """Method x target x speed, a table for each level of SNR."""
    for level in dict.fromkeys(row["snr_db"] for row in found["rows"]):
        rows = [row for row in found["rows"] if row["snr_db"] == level]
        speeds = sorted(rows[0]["loss_per_speed_db"], key=int)
        title = f"{found['domain']}, {'clean' if level is None else f'{level:g} dB SNR'}: loss in dB by km/h"
        table = Table("method", "target", "overall", *speeds, "error", title=title)
        fp32 = rows[0]["fp32_per_speed_db"]
        overall = f"{rows[0]['fp32_nmse_db']:.2f}"
        table.add_row("NMSE", "ort-fp32", overall, *(f"{fp32[s]:.1f}" for s in speeds), "")
        for row in rows:
            losses = (f"{row['loss_per_speed_db'][speed]:+.2f}" for speed in speeds)
            error = f"{row['relative_error_db']:.1f}"
            table.add_row(row["method"], row["target"], f"{row['nmse_loss_db']:+.3f}", *losses, error)
        console.print(table)
    for method, report in found["quantizations"].items():
        console.print(f"{method}: {100 * report['int8_share']:.0f} % of the multiplications in INT8")


def show_timings(found: dict[str, Any], console: Console) -> None:
    """Ratios to ort-fp32."""
    table = Table("engine", "setting", "p50 ms", f"ratio to {found['baseline']}", title="Time per call")
    for row in found["ratios"]:
        setting = f"{row['setting']['users']} users, {row['setting']['threads']} threads"
        interval = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        table.add_row(row["subject"], setting, f"{row['p50_ms']:.2f}", interval)
    console.print(table)
