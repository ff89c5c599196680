"""What stands in notebooks, modules and scripts, without running it."""
