"""Floor 2: sections and rows in, escaped markup out; computes nothing, requests nothing."""
