"""What stands before and after the model: triage, with its rules as data."""
