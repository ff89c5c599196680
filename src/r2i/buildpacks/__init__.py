"""One file a buildpack, its templates beside it."""
