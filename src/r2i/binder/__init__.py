"""A model of Binder: from a checkout to what repo2docker makes of it. Pure, and of the release that `facts/binder.toml` is of."""
