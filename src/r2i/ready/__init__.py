"""Getting a repository ready for Binder: the badge that opens it, and the files that it lacks."""
