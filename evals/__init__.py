"""Evals: how right the analysis and the transcription are, against labels and references that no engine made."""
