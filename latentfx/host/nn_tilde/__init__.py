"""Plays files for nn~: RAVE and its kin, and our own exports. Torch is imported when one is opened."""
