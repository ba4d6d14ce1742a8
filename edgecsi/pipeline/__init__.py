"""Stages from channels to bundles: pure functions from files to files, named by what they depend on."""
