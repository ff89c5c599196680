"""One file a provider of repositories."""
