"""Is a repository ready: what stands in its files (static), and what happens when its notebooks run (dynamic)."""
