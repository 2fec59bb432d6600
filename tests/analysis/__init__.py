"""Tests of the analysis stage, and the scripted calls that they share."""
