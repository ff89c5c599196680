"""What the buildpacks for locks have in common: reading them, choosing of them, and installing exactly what they hold."""
