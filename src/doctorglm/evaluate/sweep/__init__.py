"""The sampling sweep: what is tried, what it shows, and which sampling is recommended."""
