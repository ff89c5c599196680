"""What people write into a repository: requirements, projects, environments, locks, settings."""
