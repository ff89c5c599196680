"""Docker and Podman behind one contract."""
