"""What the tables `ablation` and `choice` compare, in the collections of these names."""

from __future__ import annotations

from collections.abc import Sequence

from table_files import Json

ABLATION = {
    "csi-alm": "teacher, pretrained LLM",
    "csi-alm-random": "teacher, the LLM's weights drawn at random",
    "csi-alm-no-llm": "teacher without the LLM",
    "csi-alm-light-direct": "student, no distillation",
    "csi-alm-light-distilled": "student, distilled (QQ, KK and VV of the CSI tokens)",
    "csi-alm-light-qq": "student, QQ alone",
    "csi-alm-light-kk": "student, KK alone",
    "csi-alm-light-vv": "student, VV alone",
    "csi-alm-light-scope-all": "student, relations of the prompt tokens too",
    "csi-alm-light-weight-0.01": "student, a tenth of the relation loss",
    "csi-alm-light-weight-1": "student, ten times the relation loss",
    "csi-alm-light-heads-8": "student, 8 relation heads instead of 32",
}
CHOICE = {
    "csi-alm-light-direct": "no distillation (weight 0), noise of 5-25 dB SNR and clean",
    "csi-alm-light-weight-0.01": "weight 0.01, 32 relation heads, CSI tokens",
    "csi-alm-light-distilled": "weight 0.1, 32 relation heads, CSI tokens",
    "csi-alm-light-weight-1": "weight 1, 32 relation heads, CSI tokens",
    "csi-alm-light-heads-8": "weight 0.1, 8 relation heads, CSI tokens",
    "csi-alm-light-scope-all": "weight 0.1, 32 relation heads, prompt tokens too",
    "csi-alm-light-snr-0-30": "no distillation, noise of 0-30 dB SNR and clean",
    "csi-alm-light-snr-10-20": "no distillation, noise of 10-20 dB SNR and clean",
    "csi-alm-light-never-clean": "no distillation, noise of 5-25 dB SNR, never clean",
}


def distillation_gain(rows: Sequence[Json]) -> list[Json]:
    """By how many dB the distilled student is better, seed by seed; empty where either is missing."""
    found = {row["name"]: row for row in rows}
    direct, distilled = (found[ABLATION[f"csi-alm-light-{kind}"]] for kind in ("direct", "distilled"))
    common = [seed for seed in direct["seeds"] if seed in distilled["seeds"]]
    if not common:
        return []
    gain = {
        column: [
            values[direct["seeds"].index(seed)] - distilled["values"][column][distilled["seeds"].index(seed)]
            for seed in common
        ]
        for column, values in direct["values"].items()
    }
    name = "gain of distillation, dB"
    return [{"name": name, "facts": {}, "reason": None, "seeds": common, "values": gain}]
