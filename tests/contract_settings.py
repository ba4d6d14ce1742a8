"""The radio settings over which the contract suites run every network, baseline and engine."""

from edgecsi.radio import ArrayGeometry, RadioSetting

ARRAYS = {"4x4x2": (16, 4, 48), "8x4x2": (20, 6, 52), "4x2x2": (12, 4, 48), "8x1x1": (16, 1, 24)}  # T, P, K


def setting(words: str, duplex: str, **more) -> RadioSetting:
    """The setting of an array of ARRAYS, as 4x4x2."""
    columns, rows, polarisations = map(int, words.split("x"))
    history, future, subcarriers = ARRAYS[words]
    return RadioSetting(
        array=ArrayGeometry(columns=columns, rows=rows, polarisations=polarisations),
        history=history,
        future=future,
        subcarriers=subcarriers,
        duplex=duplex,
        **more,
    )


SETTINGS = {f"{words}-{duplex}": setting(words, duplex) for words in ARRAYS for duplex in ("tdd", "fdd")}
