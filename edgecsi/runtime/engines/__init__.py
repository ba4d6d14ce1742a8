"""Engine libraries, one file each, with its row: see :class:`edgecsi.runtime.engine.EngineRow`."""
