"""Stages from channels to bundles, one file each: pure functions from files to files."""
