"""What repositories write about conda packages: specs, channels, `environment.yml`."""
