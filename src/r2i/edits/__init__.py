"""Every change to a user's files: never through a link that a repository may have brought, all of it or nothing."""
