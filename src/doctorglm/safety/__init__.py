"""What stands before the model and after it, rules as data: triage, guards, the label."""
