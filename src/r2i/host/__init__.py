"""What this machine needs to reach the network: read from its settings, written for build steps, credentials apart."""
